"""What is cleared: it stands in a payout, or its business day was closed by hand."""

from datetime import date, datetime
from typing import Final

from django.db import connection


def is_cleared(
    *, payment_id: int, merchant_id: int, business_date: date, approved_at: datetime
) -> bool:
    """Return whether a sale is cleared: from then on it is refunded, not reversed."""
    with connection.cursor() as cursor:
        cursor.execute(_CLEARED, [payment_id, merchant_id, business_date, approved_at])
        (cleared,) = cursor.fetchone() or (False,)
    return bool(cleared)


_CLEARED: Final = """
SELECT EXISTS (SELECT FROM settlement_payoutline l WHERE l.payment_id = %s AND NOT l.reversal)
    OR EXISTS (SELECT FROM settlement_dayclose c
                WHERE c.merchant_id = %s AND c.business_date >= %s AND c.closed_at >= %s)
"""
