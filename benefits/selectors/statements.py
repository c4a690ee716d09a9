"""What a sponsor owes: by campaign and day, as the ledger shares each line out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import connection

from benefits.models import Sponsor
from benefits.selectors.redemptions import Pace, paces


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One campaign on one day, minor units of ``currency``.

    ``taken_minor``: off purchases, of all sponsors together; ``back_minor``: what refunds of that
    day gave back of it; ``owed_minor``: what the sponsor bears of the difference, below zero where
    more came back.
    """

    day: date
    campaign: str
    name: str
    currency: str
    redemptions: int
    taken_minor: int
    back_minor: int
    owed_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The days of one currency together."""

    currency: str
    redemptions: int
    taken_minor: int
    back_minor: int
    owed_minor: int


def days_of(*, owner: str, since: datetime, until: datetime, zone: str) -> list[Day]:
    """Return what the sponsor of ``owner`` owes from ``since`` to before ``until``, newest first;
    the days are those of ``zone``. One query.

    Gift cards are left out: they were paid for. Each line is shared out by itself, in the order of
    sponsors (``benefits.rules.split``), and what came back of it by its sum so far, as settlement
    posts it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _DAYS,
            {"owner": owner, "since": since, "until": until, "zone": zone},
        )
        return [
            Day(
                day=row[0],
                campaign=row[1],
                name=row[2],
                currency=row[3],
                redemptions=row[4],
                taken_minor=int(row[5]),
                back_minor=int(row[6]),
                owed_minor=int(row[7]),
            )
            for row in cursor.fetchall()
        ]


def totals_of(*, days: Iterable[Day]) -> list[Total]:
    """Return the sums of each currency."""
    found: dict[str, list[Day]] = {}
    for day in days:
        found.setdefault(day.currency, []).append(day)
    return [
        Total(
            currency=currency,
            redemptions=sum(day.redemptions for day in mine),
            taken_minor=sum(day.taken_minor for day in mine),
            back_minor=sum(day.back_minor for day in mine),
            owed_minor=sum(day.owed_minor for day in mine),
        )
        for currency, mine in sorted(found.items())
    ]


def paces_of(*, owner: str, since: datetime, until: datetime) -> list[Pace]:
    """Return how fast each merchant redeemed what the sponsor of ``owner`` pays for."""
    sponsor = Sponsor.objects.filter(owner=owner).first()
    return [] if sponsor is None else paces(sponsor=sponsor, since=since, until=until)


_DAYS: Final = """
WITH shares AS (
    SELECT c.definition_id, s.owner, c.bps,
           sum(c.bps) OVER (PARTITION BY c.definition_id ORDER BY c.sponsor_id) AS upto
      FROM benefits_costshare c JOIN benefits_sponsor s ON s.id = c.sponsor_id
     WHERE c.definition_id IN (
           SELECT m.definition_id FROM benefits_costshare m
             JOIN benefits_sponsor o ON o.id = m.sponsor_id WHERE o.owner = %(owner)s)
), mine AS (
    SELECT d.id, d.reference, d.name, d.currency, h.upto::bigint AS upto,
           (h.upto - h.bps)::bigint AS before
      FROM shares h JOIN benefits_definition d ON d.id = h.definition_id
     WHERE h.owner = %(owner)s AND d.kind NOT IN ('GIFT_CARD', 'CASH_RECEIPT')
), given_back AS (
    SELECT t.at, b.definition_id, (told.line ->> 2)::bigint AS amount,
           sum((told.line ->> 2)::bigint) OVER (PARTITION BY b.id, t.redemption_id ORDER BY t.id)
           ::bigint AS so_far
      FROM benefits_restoration t
     CROSS JOIN LATERAL jsonb_array_elements(t.told -> 'lines') AS told (line)
      JOIN benefits_holding b ON b.reference = told.line ->> 0
     WHERE t.redemption_id IN (SELECT redemption_id FROM benefits_restoration
                                WHERE at >= %(since)s AND at < %(until)s)
       AND b.definition_id IN (SELECT id FROM mine)
), moved AS (
    SELECT r.ended_at AS at, b.definition_id, 1 AS uses, l.amount_minor AS taken, 0::bigint AS back,
           1 AS sign, l.amount_minor AS now, 0::bigint AS earlier
      FROM benefits_redemption r
      JOIN benefits_lock l ON l.redemption_id = r.id
      JOIN benefits_holding b ON b.id = l.holding_id
     WHERE r.state = 'COMMITTED' AND r.ended_at >= %(since)s AND r.ended_at < %(until)s
       AND b.definition_id IN (SELECT id FROM mine)
     UNION ALL
    SELECT at, definition_id, 0, 0, amount, -1, so_far, so_far - amount
      FROM given_back WHERE at >= %(since)s AND at < %(until)s
)
SELECT (v.at AT TIME ZONE %(zone)s)::date, m.reference, m.name, m.currency,
       sum(v.uses), sum(v.taken), sum(v.back),
       sum(v.sign * (v.now * m.upto / 10000 - v.now * m.before / 10000
                     - v.earlier * m.upto / 10000 + v.earlier * m.before / 10000))
  FROM moved v JOIN mine m ON m.id = v.definition_id
 GROUP BY 1, 2, 3, 4
 ORDER BY 1 DESC, 3, 2
"""
