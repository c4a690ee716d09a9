"""What a shop took per business day, a month at a time, with totals that are its rows' sums."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from config.people.access import right_required
from config.roles import Right
from settlement.models import MerchantDay, Payment
from settlement.portal import words
from settlement.portal.places import choose, may_choose, shop_of
from settlement.selectors import sales

_YEARS: Final = range(2000, 2200)  # whose neighbours a date can hold too


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Sales, what was taken back of them and what is left, in minor units of one currency."""

    currency: str
    sales: int = 0
    sales_minor: int = 0
    reversals: int = 0
    reversals_minor: int = 0

    @property
    def net_minor(self) -> int:
        """Return the sales less the reversals."""
        return self.sales_minor - self.reversals_minor


@right_required(Right.SEE_PAYMENTS)
@require_safe
def merchant_days(request: HttpRequest) -> HttpResponse:
    """Show the days of ``?month=YYYY-MM``, newest first; without one, of this month."""
    shop = shop_of(request)
    if shop is None:
        return choose(request, page="merchant-days")
    today = sales.today_of(merchant=shop, at=timezone.now())
    first = _month(request.GET.get("month", "")) or today.replace(day=1)
    rows = sales.days_of(merchant=shop, month=first)
    following = _following(first)
    context = {
        "merchant": shop,
        "month": first,
        "rows": [(row, _one(row), words.CHANNELS[Payment.Channel(row.channel)]) for row in rows],
        "sums": _sums(rows),
        "previous": f"?merchant={shop.reference}&month={first - timedelta(days=1):%Y-%m}",
        "next": f"?merchant={shop.reference}&month={following:%Y-%m}" if following <= today else "",
        "may_choose": may_choose(request),
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


def _one(row: MerchantDay) -> Sum:
    return Sum(
        currency=row.currency,
        sales=row.sales,
        sales_minor=row.sales_minor,
        reversals=row.reversals,
        reversals_minor=row.reversals_minor,
    )


def _sums(rows: list[MerchantDay]) -> list[Sum]:
    """Return the month's sum per currency: they are never added across currencies."""
    grouped: dict[str, list[MerchantDay]] = defaultdict(list)
    for row in rows:
        grouped[row.currency].append(row)
    return [
        Sum(
            currency=currency,
            sales=sum(row.sales for row in of),
            sales_minor=sum(row.sales_minor for row in of),
            reversals=sum(row.reversals for row in of),
            reversals_minor=sum(row.reversals_minor for row in of),
        )
        for currency, of in sorted(grouped.items())
    ]
