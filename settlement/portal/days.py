"""What a shop took per business day, a month at a time, with totals that are its rows' sums."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Final, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from config import exports
from config.paging import AS_FILE, address
from config.people.access import SignedInRequest, may, right_required
from config.portal import sheets
from config.roles import Right
from settlement.models import Payment
from settlement.portal import words
from settlement.portal.places import choose, may_choose, shop_of
from settlement.portal.sheets import lines_of_days
from settlement.selectors import sales
from settlement.selectors.takings import Day, Sums

_YEARS: Final = range(2000, 2200)  # whose neighbours a date can hold too


@right_required(Right.SEE_PAYMENTS)
@require_safe
def merchant_days(request: HttpRequest) -> HttpResponseBase:
    """Show the days of ``?month=YYYY-MM``, newest first; without one, of this month."""
    shop = shop_of(request)
    if shop is None:
        return choose(request, page="merchant-days")
    today = sales.today_of(merchant=shop, at=timezone.now())
    first = _month(request.GET.get("month", "")) or today.replace(day=1)
    rows = sales.days_of(merchant=shop, month=first)
    if sheets.wanted(request):
        name = f"days-{shop.reference}-{first:%Y-%m}"
        return exports.download(name=name, rows=lines_of_days(rows))
    following = _following(first)
    context = {
        "merchant": shop,
        "month": first,
        "rows": [(row, words.CHANNELS[Payment.Channel(row.channel)]) for row in rows],
        "sums": _sums(rows),
        "previous": f"?merchant={shop.reference}&month={first - timedelta(days=1):%Y-%m}",
        "next": f"?merchant={shop.reference}&month={following:%Y-%m}" if following <= today else "",
        "may_choose": may_choose(request),
        "may_hold": may(
            membership=cast("SignedInRequest", request).membership, right=Right.SEE_PAYOUTS
        ),
        "file": address(request, **AS_FILE),
    }
    return render(request, "settlement/days.html", context)


def _month(typed: str) -> date | None:
    try:
        month = date.fromisoformat(f"{typed}-01")
    except ValueError:
        return None
    return month if month.year in _YEARS else None


def _following(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _sums(rows: list[Day]) -> list[tuple[str, Sums]]:
    """Return the month's sum per currency: they are never added across currencies."""
    found: dict[str, Sums] = defaultdict(Sums)
    for row in rows:
        found[row.currency] = found[row.currency].plus(row.sums)
    return sorted(found.items())
