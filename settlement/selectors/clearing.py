"""What is cleared: it stands in a payout, or its business day was closed by hand."""

from datetime import date, datetime
from typing import Final

from django.db import connection

from settlement.models import Payment


def is_cleared(
    *, payment_id: int, merchant_id: int, business_date: date, approved_at: datetime
) -> bool:
    """Return whether a sale is cleared: from then on it is refunded, not reversed."""
    with connection.cursor() as cursor:
        cursor.execute(_CLEARED, [payment_id, merchant_id, business_date, approved_at])
        (cleared,) = cursor.fetchone() or (False,)
    return bool(cleared)


def why_not_reversible(*, payment: Payment) -> str:
    """Return why a payment cannot be reversed: the code of the refusal, "" where it can be."""
    if payment.state != Payment.State.APPROVED or payment.approved_at is None:
        return "payment_not_refundable"
    if payment.refunded_minor:
        return "already_refunded"
    cleared = is_cleared(
        payment_id=payment.pk,
        merchant_id=payment.merchant_id,
        business_date=payment.business_date,
        approved_at=payment.approved_at,
    )
    return "already_cleared" if cleared else ""


_CLEARED: Final = """
SELECT EXISTS (SELECT FROM settlement_payoutline l WHERE l.payment_id = %s AND NOT l.reversal)
    OR EXISTS (SELECT FROM settlement_dayclose c
                WHERE c.merchant_id = %s AND c.business_date >= %s AND c.closed_at >= %s)
"""
