"""A shop's business day closed at the settlement desk: what would be, what stands against it."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config import jobs
from config.models import Job
from config.people.access import actor_of, right_required
from config.portal.jobs import is_running, shown
from config.refusals import Refused
from config.roles import Right
from issuers.selectors.authors import authors_of
from merchants.models import Merchant
from settlement import tasks
from settlement.models import Payment
from settlement.portal import words
from settlement.portal.daily import day_of
from settlement.portal.places import merchant_for
from settlement.selectors import closing, daily, sales, standing
from settlement.selectors.standing import Standing
from settlement.services import closing_jobs

SUSPENSE_SHOWN: Final = 10
AGAINST: Final = {
    Standing.BATCHES_WAITING: gettext_lazy("Batches accepted and not posted yet: %(count)s"),
    Standing.SUSPENSE_OPEN: gettext_lazy("Redemptions in suspense at its machines: %(count)s"),
    Standing.DAY_DIFFERS: gettext_lazy("Differences nobody has explained: %(count)s"),
}
STEPS: Final = (
    gettext_lazy("not begun"),
    gettext_lazy("cleared"),
    gettext_lazy("added up"),
    gettext_lazy("payout drawn up"),
    gettext_lazy("held against ledger and payout"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What stands against closing, in words, and where it is seen to ("" where it is below)."""

    says: str
    url: str


@right_required(Right.CLOSE_DAYS)
@require_http_methods(["GET", "POST"])
def day_close(request: HttpRequest, merchant: str, day: str) -> HttpResponse:
    """Show what would be closed and what stands against it; POST closes it, as a job."""
    shop, on = merchant_for(request, merchant, Right.CLOSE_DAYS), day_of(day)
    refusal = None
    if request.method == "POST":
        try:
            job = closing_jobs.start(
                merchant=shop, day=on, actor=actor_of(request), at=timezone.now()
            )
        except closing_jobs.DayClosed:
            messages.info(request, _("The day is closed already."))
            return redirect("business-day", merchant=shop.reference, day=day)
        except Refused as refused:
            refusal = refused
        else:
            tasks.hint_closing()
            return _to(shop, on, job)
    return _preview(request, shop, on, refusal)


@right_required(Right.CLOSE_DAYS)
@require_safe
def day_close_job(request: HttpRequest, merchant: str, day: str, job: str) -> HttpResponse:
    """Show how far the closing is, and what came of it."""
    context = _told(request, merchant, day, job)
    return render(request, "settlement/day_close_job.html", context)


@right_required(Right.CLOSE_DAYS)
@require_safe
def day_close_state(request: HttpRequest, merchant: str, day: str, job: str) -> HttpResponse:
    """Return how far it is, to be put in its place; once it ended, all of the page is new."""
    context = _told(request, merchant, day, job)
    response = render(request, "settlement/day_close_job.html#progress", context)
    if not context["running"]:
        response["HX-Refresh"] = "true"
    return response


@right_required(Right.CLOSE_DAYS)
@require_POST
def day_close_cancel(request: HttpRequest, merchant: str, day: str, job: str) -> HttpResponse:
    """Stop it: a day that is cleared stays closed, and its payout comes with the schedule."""
    shop, on = merchant_for(request, merchant, Right.CLOSE_DAYS), day_of(day)
    held = _job(shop, on, job)
    jobs.cancel(job=held, at=timezone.now(), actor=actor_of(request))
    messages.info(request, _("It stops after the step it has in hand. What is cleared stays so."))
    return _to(shop, on, held)


def _preview(
    request: HttpRequest, shop: Merchant, on: date, refusal: Refused | None
) -> HttpResponse:
    at = timezone.now()
    found = standing.against(merchant=shop, day=on)
    parked = standing.suspense_of(merchant=shop).select_related(
        "device", "preapproval__card__issuer"
    )
    context = {
        "merchant": shop,
        "day": on,
        "refusal": refusal,
        "ahead": on > sales.today_of(merchant=shop, at=at),
        "closed": closing.closed_on(merchant=shop, day=on),
        "running": closing_jobs.of_day(merchant=shop, day=on)
        .filter(state__in=jobs.UNFINISHED)
        .first(),
        "against": [_reason(each, shop, on) for each in found],
        "parked": parked.order_by("pk")[:SUSPENSE_SHOWN],
        "missing": standing.missing_of(merchant=shop, at=at),
        "sides": [
            (each, words.CHANNELS[Payment.Channel(each.channel)])
            for each in daily.sides_of(merchant=shop, day=on)
        ],
    }
    return render(
        request, "settlement/day_close.html", context, status=refusal.status if refusal else 200
    )


def _reason(found: standing.Against, shop: Merchant, on: date) -> Reason:
    urls = {
        Standing.BATCHES_WAITING: f"{reverse('batch-list')}?view=posting",
        Standing.DAY_DIFFERS: reverse("business-day", args=[shop.reference, on.isoformat()]),
    }
    says = str(AGAINST[found.code]) % {"count": f"{found.number:,}"}
    return Reason(says=says, url=urls.get(found.code, ""))


def _told(request: HttpRequest, merchant: str, day: str, job: str) -> dict[str, object]:
    shop, on = merchant_for(request, merchant, Right.CLOSE_DAYS), day_of(day)
    held = _job(shop, on, job)
    step: str | Promise = STEPS[min(held.finished, len(STEPS) - 1)]
    return {
        "merchant": shop,
        "day": on,
        "held": held,
        "by": authors_of(names=[held.created_by])[held.created_by],
        "running": is_running(held),
        "payouts": closing.payouts_of(merchant=shop, day=on),
        "job": shown(held, title=_("Close the day"), rate=str(step)),
    }


def _job(shop: Merchant, on: date, reference: str) -> Job:
    return get_object_or_404(closing_jobs.of_day(merchant=shop, day=on), reference=reference)


def _to(shop: Merchant, on: date, job: Job) -> HttpResponse:
    return redirect("day-close-job", merchant=shop.reference, day=on.isoformat(), job=job.reference)
