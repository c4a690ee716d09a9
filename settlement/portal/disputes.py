"""Disputes over an issuer's cards: two payments under one transaction counter, and how it ended."""

from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from config.people.access import actor_of, right_required
from config.portal import filters, sheets
from config.roles import Right
from settlement.models import Batch, Dispute, Payment
from settlement.portal import endings, words
from settlement.portal.places import issuer_for
from settlement.portal.sheets import DISPUTES
from settlement.selectors import queues
from settlement.services import resolutions
from wallets.wire import OfflineRecord

VIEWS: Final = {
    "open": gettext_lazy("Open"),
    "resolved": gettext_lazy("Closed"),
    "all": gettext_lazy("All"),
}
OPEN: Final = words.Look("bad", gettext_lazy("Open"))
CLOSED: Final = words.Look("ok", gettext_lazy("Closed"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A dispute as the list draws it; ``borne``: whose loss it is by rule.

    ``batch``: the one that brought the second payment, None where it was a tap asked online.
    """

    dispute: Dispute
    look: words.Look
    borne: words.Borne
    batch: Batch | None
    payment: Payment | None
    amount_minor: int | None
    currency: str


@right_required(Right.SEE_BATCHES)
@require_safe
def dispute_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    """List the disputes, newest first: those not closed, unless asked for others."""
    row = issuer_for(request, issuer, Right.SEE_BATCHES)
    view = filters.view_of(request, VIEWS)
    found = queues.disputes_of(issuer=row.reference, view=view)
    if sheets.wanted(request):
        return sheets.download(request, name="disputes", rows=found, sheet=DISPUTES)
    counts = queues.dispute_counts(issuer=row.reference)
    context = endings.queue(request, found=found, labels=VIEWS, counts=counts)
    context |= {"issuer": row, "rows": [_row(dispute) for dispute in context["page"].rows]}
    return render(request, "settlement/dispute_list.html", context)


@right_required(Right.RESOLVE_EXCEPTIONS)
@require_http_methods(["GET", "POST"])
def dispute_close(request: HttpRequest, issuer: str, reference: str) -> HttpResponse:
    """Ask how a dispute ended, and close it with the answer."""
    row = issuer_for(request, issuer, Right.RESOLVE_EXCEPTIONS)
    rows = queues.disputes_of(issuer=row.reference, view="all")
    held = get_object_or_404(rows, reference=reference)
    form, done = endings.take(
        request,
        act=lambda said: resolutions.close(
            dispute=held, outcome=said, at=timezone.now(), actor=actor_of(request)
        ),
    )
    if done:
        told = {"dispute": held.reference}
        messages.success(request, _("Dispute %(dispute)s is closed.") % told)
        return redirect("disputes", issuer=row.reference)
    context = {"issuer": row, "row": _row(held), "form": form}
    return render(request, "settlement/dispute_close.html", context)


def _row(dispute: Dispute) -> Row:
    record = dispute.record
    amount_minor, currency = (record.amount_minor, record.currency) if record else _of_tap(dispute)
    return Row(
        dispute=dispute,
        look=CLOSED if dispute.closed_at else OPEN,
        borne=words.borne(bearer=dispute.bearer, cause=dispute.bearer_cause),
        batch=record.batch if record else None,
        payment=dispute.payment or (record.payment if record else None),
        amount_minor=amount_minor,
        currency=currency,
    )


def _of_tap(dispute: Dispute) -> tuple[int, str]:
    """Return amount and currency of the tap, which was read when it was refused."""
    assert dispute.tap is not None, "the database holds that it is a record or a tap"
    told = OfflineRecord.peek(bytes(dispute.tap))
    return told.amount, told.currency
