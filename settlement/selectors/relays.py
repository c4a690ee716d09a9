"""Bills that wait at relays, as the portal knows of them: by the terminals that left them."""

from collections import defaultdict

from merchants.models import Merchant
from settlement.models import Payment
from settlement.selectors.sales import STILL_OPEN


def open_bills(*, merchant: Merchant, limit: int) -> dict[int, list[Payment]]:
    """Return the merchant's open RELAY payments by the device that asked, oldest first.

    A request keeps the bill's digest, not where it lies: a terminal's bills may be at any relay it
    is paired with.
    """
    rows = Payment.objects.filter(
        merchant=merchant,
        channel=Payment.Channel.RELAY,
        state__in=STILL_OPEN,
        request__ended_at=None,
    )
    found: dict[int, list[Payment]] = defaultdict(list)
    for payment in rows.select_related("request").order_by("id")[:limit]:
        found[payment.device_id].append(payment)
    return found
