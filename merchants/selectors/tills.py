"""What the portal's own tills have made."""

from django.db.models import QuerySet

from config.refusals import NotFound
from merchants.models import Merchant, TillNumber


def made_at(*, merchant: Merchant, tid: str) -> TillNumber:
    """Return a T-ID that one of the merchant's virtual tills made, with till, store and device.

    :raises NotFound: unknown, a terminal's of its own, or another merchant's
    """
    rows = TillNumber.objects.filter(tid=tid, till__store__merchant=merchant)
    found = rows.select_related("till__store", "till__device").first()
    if found is None:
        raise NotFound
    return found


def newest_of(*, store: str) -> QuerySet[TillNumber, str]:
    """Return the T-IDs made at the till in use of the store of that reference, newest first."""
    rows = TillNumber.objects.filter(till__store__reference=store, till__closed_at=None)
    return rows.order_by("-id").values_list("tid", flat=True)
