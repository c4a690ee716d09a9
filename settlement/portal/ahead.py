"""Pre-approvals at an issuer's desk: the list as it moves, one with all that happened, its end."""

from datetime import datetime
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from config.paging import CURSORS, newest_first
from config.people.access import SignedInRequest, actor_of, may, right_required
from config.portal import filters, sheets
from config.portal.home import Tile
from config.refusals import Refused
from config.roles import Right
from config.templatetags.figures import span
from issuers.models import Issuer
from settlement.models import Preapproval
from settlement.portal import preapproval_words as words
from settlement.portal.forms import ReasonForm, show_refusal
from settlement.portal.machine_sheets import PREAPPROVALS
from settlement.portal.places import issuer_for
from settlement.portal.preapproval_filters import asked_of, tools_of
from settlement.portal.words import amount
from settlement.selectors import preapproval_lists as lists
from settlement.selectors.preapproval_lists import Total
from settlement.selectors.preapprovals import events_of, preapprovals_visible_to, tries_of
from settlement.selectors.trace_repeats import of_ahead
from settlement.services import preapprovals

VIEWS: Final = {
    "all": gettext_lazy("All"),
    "open": gettext_lazy("Open"),
    "progress": gettext_lazy("In progress"),
    "suspense": gettext_lazy("Suspense"),
    "ended": gettext_lazy("Ended"),
}


@right_required(Right.SEE_CARDS)
@require_safe
def preapproval_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    """List the pre-approvals on the issuer's cards, newest first; its first page keeps moving."""
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    if sheets.wanted(request):
        rows = lists.narrowed(_of(request, row), asked=asked_of(request, VIEWS))
        return sheets.download(request, name="preapprovals", rows=rows, sheet=PREAPPROVALS)
    context = _listed(request, row)
    first = not any(request.GET.get(name) for name in CURSORS)
    address = reverse("preapproval-rows", args=[row.reference])
    context["rows_url"] = f"{address}?{request.GET.urlencode()}" if first else ""
    return render(request, "settlement/preapproval_list.html", context)


@right_required(Right.SEE_CARDS)
@require_safe
def preapproval_rows(request: HttpRequest, issuer: str) -> HttpResponse:
    """Answer figures and rows alone, as the list draws them."""
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    return render(request, "settlement/preapproval_list.html#listing", _listed(request, row))


@right_required(Right.SEE_CARDS)
@require_safe
def preapproval(request: HttpRequest, issuer: str, reference: str) -> HttpResponse:
    """Show a pre-approval with its tries, its redemptions and all that happened to it."""
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    held = get_object_or_404(_of(request, row), reference=reference)
    rows = held.redemptions.select_related("merchant", "store", "device", "payment")
    redeemed = list(rows.order_by("-pk"))
    context = {
        "issuer": row,
        "held": held,
        "kind": words.KINDS[Preapproval.Kind(held.kind)],
        "look": words.LOOKS[Preapproval.State(held.state)],
        "place": words.place_of(held),
        "what_next": words.next_of(held, at=timezone.now(), zone=ZoneInfo(row.time_zone)),
        "lines": words.story(
            events=events_of(held),
            tries=tries_of(held),
            repeated=of_ahead(preapproval=held, redemptions=redeemed),
        ),
        "redemptions": [(each, words.redemption_look(each)) for each in redeemed],
        "may_cancel": held.state == Preapproval.State.APPROVED and _may(request),
        "may_resolve": may(
            membership=cast("SignedInRequest", request).membership, right=Right.RESOLVE_EXCEPTIONS
        ),
    }
    return render(request, "settlement/preapproval.html", context)


@right_required(Right.BLOCK_CARDS)
@require_http_methods(["GET", "POST"])
def preapproval_cancel(request: HttpRequest, issuer: str, reference: str) -> HttpResponse:
    """Ask why a number is to end before its time, and end it."""
    row = issuer_for(request, issuer, Right.BLOCK_CARDS)
    held = get_object_or_404(_of(request, row), reference=reference)
    form = ReasonForm(request.POST or None)
    form.fields["reason"].help_text = _("It stands with the pre-approval and in the audit trail.")
    if request.method == "POST" and form.is_valid():
        try:
            preapprovals.cancel_by_issuer(
                reference=held.reference,
                reason=form.cleaned_data["reason"],
                actor=actor_of(request),
                at=timezone.now(),
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Cancelled: the number is dead and the hold released."))
            return redirect("preapproval", issuer=row.reference, reference=held.reference)
    context = {
        "issuer": row,
        "held": held,
        "kind": words.KINDS[Preapproval.Kind(held.kind)],
        "look": words.LOOKS[Preapproval.State(held.state)],
        "form": form,
    }
    return render(request, "settlement/preapproval_cancel.html", context)


def _of(request: HttpRequest, issuer: Issuer) -> QuerySet[Preapproval]:
    person = cast("SignedInRequest", request)
    return preapprovals_visible_to(person.user).filter(card__issuer=issuer)


def _may(request: HttpRequest) -> bool:
    return may(membership=cast("SignedInRequest", request).membership, right=Right.BLOCK_CARDS)


def _listed(request: HttpRequest, issuer: Issuer) -> dict[str, Any]:
    now, zone = timezone.now(), ZoneInfo(issuer.time_zone)
    rows = _of(request, issuer)
    asked = asked_of(request, VIEWS)
    page = newest_first(rows=lists.narrowed(rows, asked=asked), request=request)
    counts = lists.counts(rows)
    return {
        "issuer": issuer,
        "page": page,
        "listed": [_line(row, now, zone) for row in page.rows],
        "tiles": _tiles(lists.figures(rows, today=now.astimezone(zone).date()), now),
        "tabs": filters.tabs(request, labels=VIEWS, current=asked.view, counts=counts),
        **tools_of(request, asked),
    }


def _line(row: Preapproval, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "row": row,
        "kind": words.KINDS[Preapproval.Kind(row.kind)],
        "look": words.LOOKS[Preapproval.State(row.state)],
        "place": words.place_of(row),
        "what_next": words.next_of(row, at=now, zone=zone),
    }


def _tiles(found: lists.Figures, now: datetime) -> list[Tile]:
    waits = span((now - found.oldest).total_seconds()) if found.oldest else ""
    oldest = _("oldest %(span)s") % {"span": waits} if waits else _("nothing waits")
    held, paid, parked = (_first(totals) for totals in (found.held, found.paid, found.suspense))
    return [
        Tile(label=_("Held"), value=held[0], note=_("approvals: %(n)s") % {"n": held[1]}),
        Tile(label=_("Paid out today"), value=paid[0], note=_("numbers: %(n)s") % {"n": paid[1]}),
        Tile(
            label=_("Expired unused today"),
            value=f"{found.expired:,}",
            note=_("holds released to the second"),
        ),
        Tile(label=_("In suspense"), value=parked[1], note=f"{parked[0]}, {oldest}"),
    ]


def _first(totals: list[Total]) -> tuple[str, str]:
    """Return the largest currency's sum in words, and the count over all."""
    if not totals:
        return _("none"), "0"
    largest = max(totals, key=lambda total: total.amount_minor)
    count = sum(total.number for total in totals)
    return amount(largest.amount_minor, largest.currency), f"{count:,}"
