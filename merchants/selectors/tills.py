"""What the portal's own tills have made."""

from config.models import Device
from config.refusals import NotFound
from merchants.models import Merchant, TillNumber, VirtualTill


def till_of(*, store: str) -> VirtualTill | None:
    """Return the till in use at the store of that reference, with its device; None before it."""
    rows = VirtualTill.objects.filter(store__reference=store, closed_at=None)
    return rows.select_related("device").first()


def made_at(*, merchant: Merchant, tid: str) -> TillNumber:
    """Return a T-ID that one of the merchant's virtual tills made, with till, store and device.

    :raises NotFound: unknown, a terminal's of its own, or another merchant's
    """
    rows = TillNumber.objects.filter(tid=tid, till__store__merchant=merchant)
    found = rows.select_related("till__store", "till__device").first()
    if found is None:
        raise NotFound
    return found


def newest_of(*, store: str, limit: int) -> list[str]:
    """Return the newest T-IDs made at the tills of the store of that reference."""
    rows = TillNumber.objects.filter(till__store__reference=store, till__closed_at=None)
    return list(rows.order_by("-id").values_list("tid", flat=True)[:limit])


def is_virtual(*, device: Device) -> bool:
    """Return whether the portal itself plays this device."""
    return VirtualTill.objects.filter(device=device).exists()
