"""A merchant's business day on three sides: its payments, the ledger, the payout (mission 6.08)."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final, NamedTuple

from django.db import connection

from merchants.models import Merchant
from merchants.selectors import notifications
from settlement.models import DayClose, Payout
from settlement.selectors import daily
from settlement.selectors.daily import Cause, Line


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

    ``ledger``: what the ledger moved on the shop's account for a sale, a reversal or a refund is
    not its amount. ``day_sum``: the day's sums are not those of its payments. ``not_in_payout``:
    the day has its payout, and something of it stands in none. ``payout_sum``: a payout's figures
    are not the sum of its lines; ``channel`` is then "".
    """
    found = [_of_line(merchant, line) for line in _unexplained(merchant, day)]
    with connection.cursor() as cursor:
        for statement_ in (_DAY_SUMS, _PAYOUT_SUMS):
            cursor.execute(statement_, {"merchant": merchant.pk, "day": day})
            found += [Difference(merchant.reference, *row) for row in cursor.fetchall()]
    return found


def _unexplained(merchant: Merchant, day: date) -> list[Line]:
    return daily.lines_of(merchant=merchant, day=day, only=daily.UNEXPLAINED)


def _of_line(merchant: Merchant, line: Line) -> Difference:
    of_ledger = line.cause == Cause.LEDGER
    return Difference(
        merchant=merchant.reference,
        channel=line.channel,
        currency=line.currency,
        cause=line.cause,
        expected_minor=line.amount_minor,
        found_minor=line.ledger_minor if of_ledger else 0,
        payment=line.payment,
    )


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
_PAYOUT_SUMS: Final = """
WITH held AS (
    SELECT o.id, sum(CASE WHEN l.reversal THEN -1 ELSE 1 END
                     * COALESCE(r.amount_minor, p.amount_minor))::bigint AS minor
      FROM settlement_payout o
      LEFT JOIN settlement_payoutline l ON l.payout_id = o.id
      LEFT JOIN settlement_payment p ON p.id = l.payment_id
      LEFT JOIN settlement_refund r ON r.id = l.refund_id
     WHERE o.merchant_id = %(merchant)s AND o.business_date = %(day)s
     GROUP BY o.id
)
SELECT '', o.currency, 'payout_sum', COALESCE(held.minor, 0), o.sales_minor - o.reversals_minor
  FROM held JOIN settlement_payout o USING (id)
 WHERE COALESCE(held.minor, 0) <> o.sales_minor - o.reversals_minor ORDER BY o.currency
"""


def closed_on(*, merchant: Merchant, day: date) -> DayClose | None:
    """Return how the merchant's business day was closed by hand, None where it was not."""
    return DayClose.objects.filter(merchant=merchant, business_date=day).first()


def payouts_of(*, merchant: Merchant, day: date) -> list[Payout]:
    """Return the payouts of the merchant's business day, one for each currency."""
    return list(Payout.objects.filter(merchant=merchant, business_date=day).order_by("currency"))


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
