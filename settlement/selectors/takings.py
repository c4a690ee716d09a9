"""What a shop took per business day, channel and currency, the newest changes included."""

from collections import defaultdict
from datetime import date
from typing import Final, NamedTuple

from merchants.models import Merchant
from settlement.models import DayChange, MerchantDay


class Sums(NamedTuple):
    """Counts and sums of sales, reversals and refunds, sums in minor units of one currency."""

    sales: int = 0
    sales_minor: int = 0
    reversals: int = 0
    reversals_minor: int = 0
    refunds: int = 0
    refunds_minor: int = 0

    @property
    def net_minor(self) -> int:
        """Return the sales less what was taken back and given back."""
        return self.sales_minor - self.reversals_minor - self.refunds_minor

    def plus(self, other: "Sums") -> "Sums":
        """Return both together."""
        return Sums._make(a + b for a, b in zip(self, other, strict=True))


class Day(NamedTuple):
    """What a shop took on one business day over one channel in one currency."""

    business_date: date
    channel: str
    currency: str
    sums: Sums


_KEY: Final = ("business_date", "channel", "currency")


def taken_on(*, merchant: Merchant, first: date, last: date) -> list[Day]:
    """
    Return what the shop took on the days from ``first`` to ``last``, by day, channel and currency.

    What was rolled up into the days and what waits for it are read by one statement, or a change
    that moves over meanwhile would count twice or not at all.
    """
    named = (*_KEY, *Sums._fields)
    within = {"merchant": merchant, "business_date__range": (first, last)}
    rolled = MerchantDay.objects.filter(**within).order_by().values_list(*named)
    pending = DayChange.objects.filter(**within).order_by().values_list(*named)
    found: dict[tuple[date, str, str], Sums] = defaultdict(Sums)
    for day, channel, currency, *sums in rolled.union(pending, all=True):
        key = (day, channel, currency)
        found[key] = found[key].plus(Sums._make(sums))
    return [Day(*key, sums) for key, sums in sorted(found.items())]
