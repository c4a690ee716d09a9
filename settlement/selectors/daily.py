"""A merchant's business day held line by line against the ledger and the payout (mission 6.08).

A line is a sale, its reversal, or a refund of that day. Beside its amount stand what the ledger
moved for it on the shop's account, and the payout that holds it.
"""

from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from django.db import connection

from merchants.models import Merchant


class Cause(StrEnum):
    """Why the sides of a line are not the same. The first two must not be; the others pass."""

    LEDGER = "ledger"  # the ledger moved something else
    NOT_IN_PAYOUT = "not_in_payout"  # it was there when its payout was drawn up, and is in none
    LATER_PAYOUT = "later_payout"  # it came after its day's payout, and stands in a later one
    NO_PAYOUT_YET = "no_payout_yet"  # the payout that will hold it is not drawn up


UNEXPLAINED: Final = frozenset({Cause.LEDGER, Cause.NOT_IN_PAYOUT})


class Line(NamedTuple):
    """A line and its sides, in minor units of ``currency``; negative where something went back.

    ``payout``: the reference of the payout that holds it, "" for none; ``cause``: "" where all
    sides agree.
    """

    channel: str
    currency: str
    kind: str  # SALE REVERSAL REFUND
    payment: str
    refund: str
    order: str
    approval_code: str
    at: datetime
    amount_minor: int
    ledger_minor: int
    payout: str
    cause: str


class Sides(NamedTuple):
    """What one channel came to on each side; ``payout_minor``: in the day's own payout.

    ``earlier_minor``: what that payout holds of days before; ``later_minor`` and ``none_minor``:
    what of the day stands in a later payout, and in none yet.
    """

    channel: str
    currency: str
    payments_minor: int
    ledger_minor: int
    payout_minor: int
    earlier_minor: int
    later_minor: int
    none_minor: int

    @property
    def agree(self) -> bool:
        """Return whether all sides are the same, but for what late postings explain."""
        explained = self.payments_minor + self.earlier_minor - self.later_minor - self.none_minor
        return self.payments_minor == self.ledger_minor and self.payout_minor == explained


def lines_of(*, merchant: Merchant, day: date, only: frozenset[Cause] = frozenset()) -> list[Line]:
    """Return the lines of the merchant's business day by time, those of ``only`` if any."""
    return list(stream(merchant=merchant, day=day, only=only))


def stream(
    *, merchant: Merchant, day: date, only: frozenset[Cause] = frozenset(), most: int | None = None
) -> Iterator[Line]:
    """Yield what :func:`lines_of` returns, at most ``most``."""
    told = _named(merchant, day) | {"only": sorted(only), "all": not only, "most": most}
    with connection.cursor() as cursor:
        cursor.execute(_LISTED, told)
        while rows := cursor.fetchmany(2_000):
            yield from (Line(*row) for row in rows)


def sides_of(*, merchant: Merchant, day: date) -> list[Sides]:
    """Return what each channel came to on each side, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_SIDES, _named(merchant, day))
        return [Sides(*row) for row in cursor.fetchall()]


def _named(merchant: Merchant, day: date) -> dict[str, Any]:
    return {"merchant": merchant.pk, "owner": merchant.reference, "day": day}


_JUDGED: Final = """
WITH sold AS (
    SELECT p.id, p.channel, p.currency, p.reference, p."order", p.approval_code, p.amount_minor,
           p.approved_at, p.reversed_at, p.state
      FROM settlement_payment p
     WHERE p.merchant_id = %(merchant)s AND p.business_date = %(day)s
       AND p.state IN ('APPROVED', 'REVERSED')
), lines AS (
    SELECT s.channel, s.currency, 'SALE' AS kind, s.reference AS payment, '' AS refund, s."order",
           s.approval_code, s.approved_at AS at, s.amount_minor, s.id, NULL::bigint AS refund_id,
           true AS timed
      FROM sold s
    UNION ALL
    SELECT s.channel, s.currency, 'REVERSAL', s.reference, '', s."order", s.approval_code,
           COALESCE(s.reversed_at, s.approved_at), -s.amount_minor, s.id, NULL,
           s.reversed_at IS NOT NULL
      FROM sold s WHERE s.state = 'REVERSED'
    UNION ALL
    SELECT p.channel, r.currency, 'REFUND', p.reference, r.reference, p."order", p.approval_code,
           r.refunded_at, -r.amount_minor, p.id, r.id, true
      FROM settlement_refund r JOIN settlement_payment p ON p.id = r.payment_id
     WHERE p.merchant_id = %(merchant)s AND r.business_date = %(day)s
), sides AS (
    SELECT l.*, o.reference AS payout, o.business_date AS drawn_for, COALESCE((
               SELECT sum(CASE WHEN c.kind = 'MERCHANT' AND c.owner = %(owner)s
                               THEN t.amount_minor ELSE 0 END
                        - CASE WHEN d.kind = 'MERCHANT' AND d.owner = %(owner)s
                               THEN t.amount_minor ELSE 0 END)
                 FROM settlement_transfer t
                 JOIN settlement_ledgeraccount c ON c.id = t.credit_id
                 JOIN settlement_ledgeraccount d ON d.id = t.debit_id
                 JOIN settlement_posting g ON g.id = t.posting_id
                WHERE t.payment_id = l.id
                  AND CASE t.code WHEN 'REFUND' THEN l.kind = 'REFUND' AND g.posted_at = l.at
                                  WHEN 'REVERSAL' THEN l.kind = 'REVERSAL'
                                  WHEN 'OFFLINE_VOID' THEN l.kind = 'REVERSAL'
                                  ELSE l.kind = 'SALE' END
           ), 0)::bigint AS ledger_minor
      FROM lines l
      LEFT JOIN settlement_payoutline h
        ON h.payment_id = l.id AND h.reversal = (l.kind <> 'SALE')
       AND h.refund_id IS NOT DISTINCT FROM l.refund_id
      LEFT JOIN settlement_payout o ON o.id = h.payout_id
), judged AS (
    SELECT channel, currency, kind, payment, refund, "order", approval_code, at, amount_minor,
           ledger_minor, COALESCE(payout, '') AS payout,
           CASE WHEN ledger_minor <> amount_minor THEN 'ledger'
                WHEN payout IS NULL AND timed AND EXISTS (
                    SELECT FROM settlement_payout o
                     WHERE o.merchant_id = %(merchant)s AND o.business_date = %(day)s
                       AND o.currency = sides.currency AND o.created_at >= at
                ) THEN 'not_in_payout'
                WHEN payout IS NULL THEN 'no_payout_yet'
                WHEN drawn_for <> %(day)s THEN 'later_payout'
                ELSE '' END AS cause
      FROM sides
)
"""
_LISTED: Final = f"""
{_JUDGED}
SELECT * FROM judged WHERE %(all)s OR cause = ANY(%(only)s)
 ORDER BY at, payment, kind DESC LIMIT %(most)s
"""  # noqa: S608  (texts of this module, never input)
_SIDES: Final = f"""
{_JUDGED}
, held AS (
    SELECT p.channel, o.currency,
           CASE WHEN h.reversal THEN -1 ELSE 1 END * COALESCE(r.amount_minor, p.amount_minor)
               AS minor,
           COALESCE(r.business_date, p.business_date) < o.business_date AS earlier
      FROM settlement_payout o
      JOIN settlement_payoutline h ON h.payout_id = o.id
      JOIN settlement_payment p ON p.id = h.payment_id
      LEFT JOIN settlement_refund r ON r.id = h.refund_id
     WHERE o.merchant_id = %(merchant)s AND o.business_date = %(day)s
), summed AS (
    SELECT channel, currency, amount_minor AS payments, ledger_minor AS ledger, 0 AS payout,
           0 AS earlier, CASE WHEN cause = 'later_payout' THEN amount_minor ELSE 0 END AS later,
           CASE WHEN cause = 'no_payout_yet' THEN amount_minor ELSE 0 END AS none
      FROM judged
    UNION ALL
    SELECT channel, currency, 0, 0, minor, CASE WHEN earlier THEN minor ELSE 0 END, 0, 0 FROM held
)
SELECT channel, currency, sum(payments)::bigint, sum(ledger)::bigint, sum(payout)::bigint,
       sum(earlier)::bigint, sum(later)::bigint, sum(none)::bigint
  FROM summed GROUP BY channel, currency ORDER BY currency, channel
"""  # noqa: S608  (texts of this module, never input)
