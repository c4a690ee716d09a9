"""A shop's business day on three sides: what it took, the ledger, the payout (mission 6.08)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, cast

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from config import exports
from config.exports import Cell
from config.paging import AS_FILE, address
from config.people.access import SignedInRequest, may, right_required
from config.portal import sheets
from config.roles import Right
from merchants.models import Merchant
from settlement.models import Payment
from settlement.portal import words
from settlement.portal.places import merchant_for
from settlement.portal.words import Look
from settlement.selectors import closing, daily, sales
from settlement.selectors.closing import Difference
from settlement.selectors.daily import Cause

SHOWN: Final = 100
CAUSES: Final = {
    "ledger": _("The ledger moved another amount for it"),
    "day_sum": _("The day's sums are not those of its payments"),
    "not_in_payout": _("Stands in no payout, though it was there when the payout was drawn up"),
    "payout_sum": _("The payout's figures are not the sum of its lines"),
    "later_payout": _("Came after the day's payout, stands in a later one"),
    "no_payout_yet": _("Its payout is not drawn up yet"),
}
AGREES: Final = Look("ok", _("Agrees"))
DIFFERS: Final = Look("bad", _("Differs"))
EXPLAINED: Final = frozenset({Cause.LATER_PAYOUT, Cause.NO_PAYOUT_YET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A difference as the page draws it; ``channel`` "" where it is of the whole payout."""

    channel: str | Promise
    cause: str | Promise
    difference: Difference


@right_required(Right.SEE_PAYOUTS)
@require_safe
def business_day(request: HttpRequest, merchant: str, day: str) -> HttpResponseBase:
    """Show what each channel came to on each side, and every difference with its cause."""
    shop, on = merchant_for(request, merchant, Right.SEE_PAYOUTS), day_of(day)
    if sheets.wanted(request):
        return exports.download(name=f"day-{shop.reference}-{on}", rows=_lines(shop, on))
    found = closing.differences(merchant=shop, day=on)
    passing = list(daily.stream(merchant=shop, day=on, only=EXPLAINED, most=SHOWN + 1))
    context = {
        "merchant": shop,
        "day": on,
        "sides": [
            (each, _channel(each.channel), AGREES if each.agree else DIFFERS)
            for each in daily.sides_of(merchant=shop, day=on)
        ],
        "may_close": _may_close(request, shop, on),
        "closed": closing.closed_on(merchant=shop, day=on),
        "payouts": closing.payouts_of(merchant=shop, day=on),
        "differences": [_row(each) for each in found[:SHOWN]],
        "differences_in_all": len(found),
        "passing": [(line, CAUSES[line.cause]) for line in passing[:SHOWN]],
        "passing_more": len(passing) > SHOWN,
        "shown": SHOWN,
        "file": address(request, **AS_FILE),
    }
    return render(request, "settlement/business_day.html", context)


def _may_close(request: HttpRequest, shop: Merchant, on: date) -> bool:
    membership = cast("SignedInRequest", request).membership
    begun = on <= sales.today_of(merchant=shop, at=timezone.now())
    return begun and may(membership=membership, right=Right.CLOSE_DAYS)


def day_of(typed: str) -> date:
    """Return the day of an address, 404 for what is none."""
    try:
        found = date.fromisoformat(typed)
    except ValueError:
        raise Http404 from None
    if not 2000 <= found.year < 2200:
        raise Http404
    return found


def _row(difference: Difference) -> Row:
    channel = _channel(difference.channel) if difference.channel else _("The whole payout")
    return Row(
        channel=channel,
        cause=CAUSES.get(difference.cause, difference.cause),
        difference=difference,
    )


def _channel(name: str) -> str | Promise:
    return words.CHANNELS[Payment.Channel(name)]


def _lines(merchant: Merchant, day: date) -> Iterator[list[Cell]]:
    """Yield each line of the day with its sides; the columns add up to the page's figures."""
    heads = [
        *(_("Paid with"), _("Kind"), _("Payment"), _("Refund"), _("Order"), _("Code"), _("Time")),
        *(_("Currency"), _("Amount"), _("In the ledger"), _("Payout"), _("Cause")),
    ]
    yield [str(head) for head in heads]
    for line in daily.stream(merchant=merchant, day=day):
        yield [
            *(line.channel, line.kind, line.payment, line.refund, line.order),
            *(line.approval_code, line.at, line.currency),
            *(
                exports.amount(each, line.currency)
                for each in (line.amount_minor, line.ledger_minor)
            ),
            *(line.payout, line.cause),
        ]
