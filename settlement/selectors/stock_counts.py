"""How much of each gift certificate and lottery ticket a shop has."""

from typing import NamedTuple

from django.db.models import Count, Q

from merchants.models import Merchant
from settlement.models import StockItem

_State = StockItem.State


class Shelf(NamedTuple):
    """Items of one kind and denomination (minor units of ``currency``)."""

    kind: str
    currency: str
    amount_minor: int
    available: int
    held: int
    sold: int


def counts_of(merchant: Merchant) -> list[Shelf]:
    """Return what is left, at customers and sold of each denomination, in one query."""
    rows = StockItem.objects.filter(merchant=merchant).order_by()
    found = rows.values("kind", "currency", "amount_minor").annotate(
        available=Count("pk", filter=Q(state=_State.AVAILABLE)),
        held=Count("pk", filter=Q(state=_State.HELD)),
        sold=Count("pk", filter=Q(state=_State.SOLD)),
    )
    return [Shelf(**each) for each in found.order_by("kind", "currency", "amount_minor")]
