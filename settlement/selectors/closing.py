"""A merchant's business day on three sides: its payments, the ledger, the payout (mission 6.08)."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final, NamedTuple

from django.db import connection

from merchants.models import Merchant
from merchants.selectors import notifications


class StatementLine(NamedTuple):
    """A sale, or what took something of one back: then ``amount_minor`` is negative."""

    channel: str
    kind: str  # SALE REVERSAL REFUND
    payment: str
    refund: str
    order: str
    approval_code: str
    at: datetime
    amount_minor: int
    currency: str


def statement(*, merchant: Merchant, day: date) -> list[StatementLine]:
    """Return the lines of the merchant's business day in the order of their times, one query."""
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, {"merchant": merchant.pk, "day": day})
        return [StatementLine(*row) for row in cursor.fetchall()]


_STATEMENT: Final = """
SELECT channel, kind, payment, refund, "order", approval_code, at, amount_minor, currency FROM (
    SELECT p.channel, 'SALE' AS kind, p.reference AS payment, '' AS refund, p."order",
           p.approval_code, p.approved_at AS at, p.amount_minor, p.currency
      FROM settlement_payment p
     WHERE p.merchant_id = %(merchant)s AND p.business_date = %(day)s
       AND p.state IN ('APPROVED', 'REVERSED')
    UNION ALL
    SELECT p.channel, 'REVERSAL', p.reference, '', p."order", p.approval_code,
           COALESCE(p.reversed_at, p.approved_at), -p.amount_minor, p.currency
      FROM settlement_payment p
     WHERE p.merchant_id = %(merchant)s AND p.business_date = %(day)s AND p.state = 'REVERSED'
    UNION ALL
    SELECT p.channel, 'REFUND', p.reference, r.reference, p."order", p.approval_code,
           r.refunded_at, -r.amount_minor, r.currency
      FROM settlement_refund r JOIN settlement_payment p ON p.id = r.payment_id
     WHERE p.merchant_id = %(merchant)s AND r.business_date = %(day)s
) lines ORDER BY at, payment, kind DESC
"""


class Difference(NamedTuple):
    """Two sides that should agree and do not; amounts in minor units of ``currency``."""

    merchant: str
    channel: str
    currency: str
    cause: str
    expected_minor: int
    found_minor: int
    payment: str = ""


def differences(*, merchant: Merchant, day: date) -> list[Difference]:
    """
    Return what does not agree on the merchant's business day; nothing where it is closed right.

    ``ledger``: what a payment moved on the shop's account is not its amount less what was taken
    back of it. ``day_sum``: the day's sums are not those of its payments. ``not_in_payout``: the
    day has its payout, and something of it stands in none.
    """
    parameters: dict[str, int | str | date] = {
        "merchant": merchant.pk,
        "owner": merchant.reference,
        "day": day,
    }
    found = []
    with connection.cursor() as cursor:
        for statement_ in (_LEDGER, _DAY_SUMS, _NOT_IN_PAYOUT):
            cursor.execute(statement_, parameters)
            found += [Difference(merchant.reference, *row) for row in cursor.fetchall()]
    return found


_LEDGER: Final = """
WITH moved AS (
    SELECT p.id, COALESCE(sum(CASE WHEN c.id IS NOT NULL THEN t.amount_minor
                                   WHEN d.id IS NOT NULL THEN -t.amount_minor END), 0) AS minor
      FROM settlement_payment p
      LEFT JOIN settlement_transfer t ON t.payment_id = p.id
      LEFT JOIN settlement_ledgeraccount c
        ON c.id = t.credit_id AND c.kind = 'MERCHANT' AND c.owner = %(owner)s
      LEFT JOIN settlement_ledgeraccount d
        ON d.id = t.debit_id AND d.kind = 'MERCHANT' AND d.owner = %(owner)s
     WHERE p.merchant_id = %(merchant)s AND p.business_date = %(day)s
     GROUP BY p.id
)
SELECT p.channel, p.currency, 'ledger', kept.minor, moved.minor, p.reference
  FROM moved JOIN settlement_payment p USING (id), LATERAL (
      SELECT CASE p.state WHEN 'APPROVED' THEN p.amount_minor - p.refunded_minor ELSE 0 END AS minor
  ) kept
 WHERE moved.minor <> kept.minor ORDER BY p.id
"""
_DAY_SUMS: Final = """
WITH counted AS (
    SELECT channel, currency, sales_minor - reversals_minor - refunds_minor AS minor
      FROM settlement_merchantday WHERE merchant_id = %(merchant)s AND business_date = %(day)s
    UNION ALL
    SELECT channel, currency, sales_minor - reversals_minor - refunds_minor
      FROM settlement_daychange WHERE merchant_id = %(merchant)s AND business_date = %(day)s
), paid AS (
    SELECT channel, currency, amount_minor AS minor FROM settlement_payment
     WHERE merchant_id = %(merchant)s AND business_date = %(day)s AND state = 'APPROVED'
    UNION ALL
    SELECT p.channel, r.currency, -r.amount_minor
      FROM settlement_refund r JOIN settlement_payment p ON p.id = r.payment_id
     WHERE p.merchant_id = %(merchant)s AND r.business_date = %(day)s
), sums AS (
    SELECT channel, currency, sum(of_day) AS of_day, sum(of_payments) AS of_payments FROM (
        SELECT channel, currency, minor AS of_day, 0 AS of_payments FROM counted
        UNION ALL SELECT channel, currency, 0, minor FROM paid
    ) sides GROUP BY channel, currency
)
SELECT channel, currency, 'day_sum', of_payments::bigint, of_day::bigint
  FROM sums WHERE of_day <> of_payments ORDER BY channel, currency
"""
_NOT_IN_PAYOUT: Final = """
SELECT p.channel, p.currency, 'not_in_payout', p.amount_minor, 0::bigint, p.reference
  FROM settlement_payment p
 WHERE p.merchant_id = %(merchant)s AND p.business_date = %(day)s
   AND p.state IN ('APPROVED', 'REVERSED')
   AND EXISTS (SELECT FROM settlement_payout o
                WHERE o.merchant_id = p.merchant_id AND o.business_date = %(day)s
                  AND o.currency = p.currency AND o.created_at >= p.approved_at)
   AND NOT EXISTS (SELECT FROM settlement_payoutline l
                    WHERE l.payment_id = p.id AND NOT l.reversal)
 ORDER BY p.id
"""


def undelivered(*, day: date) -> Iterator[str]:
    """Yield the T-IDs of that business day whose result never reached their terminal over UDP."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.tid FROM settlement_paymentrequest r"
            " JOIN settlement_payment p ON p.id = r.payment_id WHERE p.business_date = %s"
            " ORDER BY r.tid",
            [day],
        )
        tids = [tid for (tid,) in cursor.fetchall()]
    states = notifications.deliveries_of(tids=tids)
    yield from (tid for tid in tids if states.get(tid) == "UNDELIVERED")
