"""What stands in no payout yet: sales, reversals and refunds, by the day of their payout."""

from datetime import date
from typing import Final, NamedTuple

from django.db import connection

from merchants.models import Merchant


class Due(NamedTuple):
    """Lines not drawn up yet: what they add up to, in minor units, and the payments they are of."""

    day: date  # whose payout they are due in
    currency: str
    business_date: date
    channel: str
    reversal: bool
    number: int
    amount_minor: int
    fees_minor: int
    losses_minor: int
    payments: list[int]
    refunds: list[int | None]  # beside each payment the refund the line is of; None: none

    @property
    def sign(self) -> int:
        """Return 1 for sales, -1 for what gives back."""
        return -1 if self.reversal else 1


def due_of(*, merchant: Merchant, day: date) -> list[Due]:
    """
    Return what no payout of ``merchant`` holds and is due by ``day``, in one query.

    A sale is due on its business day, or the day it was posted where that is later; a reversal on
    the day it was posted, a refund on its own, and it gives no fee back. The query's one snapshot
    tells sums and payments: what is committed meanwhile waits for the next time. Only days with
    something open are searched.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _DUE,
            {
                "merchant": merchant.pk,
                "owner": merchant.reference,
                "zone": merchant.time_zone,
                "day": day,
            },
        )
        return [Due(*row) for row in cursor.fetchall()]


_DUE: Final = """
WITH open_days AS (
    SELECT * FROM settlement_merchantday
     WHERE merchant_id = %(merchant)s AND business_date <= %(day)s
), candidates AS (
    SELECT p.* FROM open_days d
      JOIN settlement_payment p USING (merchant_id, business_date, channel, currency)
     WHERE (d.sales > d.sales_drawn OR d.reversals > d.reversals_drawn)
       AND p.state IN ('APPROVED', 'REVERSED')
), lines AS (
    SELECT p.id, NULL::bigint AS refund_id, p.currency, p.business_date, p.channel, p.amount_minor,
           p.fee_minor, p.bearer, false AS reversal, p.approved_at AS posted_at
      FROM candidates p
    UNION ALL
    SELECT p.id, NULL, p.currency, p.business_date, p.channel, p.amount_minor, p.fee_minor,
           p.bearer, true, COALESCE(p.reversed_at, (
        SELECT max(g.posted_at)
          FROM settlement_transfer t
          JOIN settlement_posting g ON g.id = t.posting_id
          JOIN settlement_ledgeraccount a ON a.id = t.debit_id
         WHERE t.payment_id = p.id AND a.kind = 'MERCHANT' AND a.owner = %(owner)s))
      FROM candidates p WHERE p.state = 'REVERSED'
    UNION ALL
    SELECT p.id, r.id, r.currency, r.business_date, p.channel, r.amount_minor, 0, p.bearer, true,
           r.refunded_at
      FROM open_days d
      JOIN settlement_refund r USING (business_date)
      JOIN settlement_payment p ON p.id = r.payment_id AND p.merchant_id = d.merchant_id
       AND p.channel = d.channel AND p.currency = d.currency
     WHERE d.refunds > d.refunds_drawn
), due AS (
    SELECT lines.*, greatest(
               business_date, (posted_at AT TIME ZONE %(zone)s)::date) AS day
      FROM lines
     WHERE NOT EXISTS (
         SELECT FROM settlement_payoutline l
          WHERE l.payment_id = lines.id AND l.reversal = lines.reversal
            AND l.refund_id IS NOT DISTINCT FROM lines.refund_id)
)
SELECT day, currency, business_date, channel, reversal, count(*), sum(amount_minor)::bigint,
       sum(fee_minor)::bigint,
       coalesce(sum(amount_minor) FILTER (WHERE bearer = 'MERCHANT'), 0)::bigint,
       array_agg(id ORDER BY id, refund_id), array_agg(refund_id ORDER BY id, refund_id)
  FROM due WHERE day <= %(day)s
 GROUP BY day, currency, business_date, channel, reversal, refund_id IS NULL
 ORDER BY day, currency, business_date, channel, reversal, refund_id IS NULL DESC
"""
