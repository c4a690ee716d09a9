"""Sales of the portal's own tills."""

from typing import Final

from django.db.models import QuerySet

from merchants.selectors.tills import newest_of
from settlement.models import Payment

# Sales by code have no list of their own at a till: they are sought among the shop's newest.
_AMONG: Final = 500


def last_sales(*, store: str, limit: int) -> list[Payment]:
    """Return the newest sales of the till at the store of that reference, in two queries."""
    by_tid = _rows().filter(request__tid__in=newest_of(store=store)[:limit])
    newest = Payment.objects.filter(merchant__stores__reference=store).order_by("-id")
    by_code = _rows().filter(
        pk__in=newest.values("pk")[:_AMONG],
        channel=Payment.Channel.SMART,
        device__virtual_till__store__reference=store,
        device__virtual_till__closed_at=None,
    )[:limit]
    return sorted([*by_tid, *by_code], key=lambda row: row.pk, reverse=True)[:limit]


def _rows() -> QuerySet[Payment]:
    return Payment.objects.select_related("request", "device").order_by("-id")
