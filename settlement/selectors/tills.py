"""Sales of the portal's own tills."""

from collections.abc import Sequence

from settlement.models import Payment


def sales_under(*, tids: Sequence[str]) -> list[Payment]:
    """Return the payments asked for under ``tids``, newest first, with what a list shows."""
    rows = Payment.objects.filter(request__tid__in=tids)
    return list(rows.select_related("request", "device").order_by("-id"))
