"""Sales of the portal's own tills."""

from merchants.selectors.tills import newest_of
from settlement.models import Payment


def last_sales(*, store: str, limit: int) -> list[Payment]:
    """Return the newest sales of the till at the store of that reference, in one query."""
    rows = Payment.objects.filter(request__tid__in=newest_of(store=store)[:limit])
    return list(rows.select_related("request", "device").order_by("-id"))
