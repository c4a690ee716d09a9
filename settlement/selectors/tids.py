"""T-IDs as the result notification server, and whoever else asks by them, may see them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from django.db import connection


class TidStatus(NamedTuple):
    """Where the payment under a T-ID stands; ``amount_minor`` in minor units of ``currency``."""

    tid: str
    device_number: int
    state: str
    amount_minor: int
    currency: str
    approval_code: str


def statuses(*, tids: Sequence[str]) -> dict[str, TidStatus]:
    """Return the status of each of ``tids`` that a terminal has asked under, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_STATUSES, [list(tids)])
        return {row[0]: TidStatus(*row) for row in cursor.fetchall()}


_STATUSES: Final = """
SELECT r.tid, e.number, p.state, p.amount_minor, p.currency, p.approval_code
  FROM settlement_paymentrequest r
  JOIN settlement_payment p ON p.id = r.payment_id
  JOIN merchants_equipment e ON e.device_id = p.device_id
 WHERE r.tid = ANY(%s)
"""
