"""What merchants are owed: the records day by day, what stands in one, and its lines as a file."""

from collections.abc import Iterator
from datetime import date
from typing import Final, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config import exports
from config.exports import Cell
from config.paging import newest_first
from config.people.access import SignedInRequest, right_required
from config.portal import filters, sheets
from config.roles import Right
from settlement.models import Payment, Payout
from settlement.portal import words
from settlement.portal.places import may_choose, shop_of
from settlement.portal.sheets import PAYOUTS
from settlement.selectors import payouts

LOOKS: Final = {
    Payout.State.DRAFT: words.Look("warn", gettext_lazy("Not complete")),
    Payout.State.CLOSED: words.Look("ok", gettext_lazy("Complete")),
}

_YEARS: Final = range(2000, 2200)


@right_required(Right.SEE_PAYOUTS)
@require_safe
def payout_list(request: HttpRequest) -> HttpResponseBase:
    """List the payouts, newest first, of ``?day=`` alone if asked; the clearing desk sees all."""
    shop = shop_of(request, Right.SEE_PAYOUTS)
    rows = payouts.payouts_visible_to(_person(request).user)
    if shop is not None:
        rows = rows.filter(merchant=shop)
    day = day_typed(request, "day")
    if day is not None:
        rows = rows.filter(business_date=day)
    if sheets.wanted(request):
        return sheets.download(request, name="payouts", rows=rows, sheet=PAYOUTS)
    page = newest_first(rows=rows, request=request)
    context = {
        "merchant": shop,
        "page": page,
        "rows": [(row, LOOKS[Payout.State(row.state)]) for row in page.rows],
        "day": day,
        "chips": [filters.chip(request, "day", _("Business day"), str(day))] if day else [],
        "kept": filters.kept(request, "merchant"),
        "may_choose": may_choose(request),
    }
    return render(request, "settlement/payout_list.html", context)


@right_required(Right.SEE_PAYOUTS)
@require_safe
def payout(request: HttpRequest, reference: str) -> HttpResponse:
    """Show one payout: what each channel brought, what was taken off, and what was missing."""
    row = _payout(request, reference)
    context = {
        "payout": row,
        "look": LOOKS[Payout.State(row.state)],
        "channels": [
            (each, words.CHANNELS[Payment.Channel(each.channel)])
            for each in payouts.by_channel(row)
        ],
    }
    return render(request, "settlement/payout.html", context)


@right_required(Right.SEE_PAYOUTS)
@require_safe
def payout_lines(request: HttpRequest, reference: str) -> HttpResponseBase:
    """Hand out the payout's lines as CSV; the column Net adds up to what is owed."""
    row = _payout(request, reference)
    return exports.download(name=f"{row.reference}-{row.business_date}", rows=_lines(row))


def day_typed(request: HttpRequest, name: str) -> date | None:
    """Return the day of the address, None for none and for what is no day of our time:
    at the ends of the calendar the day after, and a midnight elsewhere, do not exist."""
    try:
        day = date.fromisoformat(request.GET.get(name, ""))
    except ValueError:
        return None
    return day if day.year in _YEARS else None


def _lines(row: Payout) -> Iterator[list[Cell]]:
    yield [
        *(_("Payment"), _("Kind"), _("Paid with"), _("Business day"), _("Tapped")),
        *(_("Store"), _("Reader"), _("Code"), _("Currency")),
        *(_("Amount"), _("Borne by the shop"), _("Fee"), _("Net")),
    ]
    for line in payouts.lines_of(row):
        parts = (line.amount_minor, line.loss_minor, line.fee_minor)
        yield [
            line.payment,
            _("Reversal") if line.reversal else _("Sale"),
            str(words.CHANNELS[Payment.Channel(line.channel)]),
            line.business_date,
            line.tapped_at,
            line.store,
            line.device,
            line.approval_code,
            row.currency,
            *(exports.amount(minor, row.currency) for minor in (*parts, sum(parts))),
        ]


def _payout(request: HttpRequest, reference: str) -> Payout:
    rows = payouts.payouts_visible_to(_person(request).user)
    return get_object_or_404(rows, reference=reference)


def _person(request: HttpRequest) -> SignedInRequest:
    return cast("SignedInRequest", request)
