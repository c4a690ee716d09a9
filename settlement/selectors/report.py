"""Offline against online (mission 1.16): shares, saved fees, approval times, each with its count.

Every figure is a sum or mean over stored payments that were not taken back, by business date. A
payment is offline when its reader approved it: no decision of the portal stands in it. Amounts are
minor units and never added across currencies; times are milliseconds.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection

from config.refusals import Refused

DAYS_DEFAULT: Final = 30
DAYS_MAX: Final = 366


class RangeInvalid(Refused):
    code = "range_invalid"
    title = "The range of days is not one that can be reported"


class Range(NamedTuple):
    """Business days, both inclusive."""

    since: date
    until: date


class Sum(NamedTuple):
    """``n`` payments, and what they add up to."""

    n: int
    minor: int


class Mean(NamedTuple):
    """A mean in milliseconds over ``n`` payments; None over none."""

    ms: int | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The figures of one currency; ``merchant``: its reference and name, "" for all together."""

    merchant: str
    name: str
    currency: str
    offline: Sum
    online: Sum
    saved: Sum  # over the offline payments with an agreement at their time
    online_time: Mean  # from the tap, or the approval on the phone, to the portal's decision
    offline_time: Mean  # from the tap to the reader's approval
    posted_after: Mean  # offline: from the tap to the books

    @property
    def n(self) -> int:
        """Return how many payments the shares are of."""
        return self.offline.n + self.online.n

    @property
    def share_of_count(self) -> float | None:
        """Return the offline part of the number, 0 to 1; None of nothing."""
        return self.offline.n / self.n if self.n else None

    @property
    def share_of_amount(self) -> float | None:
        """Return the offline part of the amount, 0 to 1; None of nothing."""
        whole = self.offline.minor + self.online.minor
        return self.offline.minor / whole if whole else None


def days_of(*, since: date | None, until: date | None, today: date) -> Range:
    """
    Return the days from ``since`` to ``until``; the last ``DAYS_DEFAULT`` where they are not told.

    :raises RangeInvalid: it ends before it begins, spans more than ``DAYS_MAX`` days, or lies at an
        end of the calendar
    """
    span = timedelta(days=DAYS_DEFAULT - 1)
    try:
        last = until or (since + span if since else today)
        first = since or last - span
    except OverflowError:
        raise RangeInvalid from None
    if not 0 <= (last - first).days < DAYS_MAX:
        raise RangeInvalid(f"{first} to {last} is not 1 to {DAYS_MAX} days.")
    return Range(first, last)


def of(*, merchants: Collection[int] | None, days: Range) -> list[Report]:
    """Return the report of these merchants together, per currency, in one query; None: of all."""
    return [_report("", "", *row) for row in _rows(_TOGETHER, merchants, days)]


def by_merchant(*, merchants: Collection[int] | None, days: Range) -> list[Report]:
    """Return the report of each merchant with payments, by name and currency, in one query."""
    return [_report(*row) for row in _rows(_EACH, merchants, days)]


def as_told(report: Report) -> dict[str, Any]:
    """Return the figures as the API tells them: what was counted stands beside each."""
    return {
        "currency": report.currency,
        "offline": {
            "count": report.offline.n,
            "amount": report.offline.minor if report.offline.n else None,
        },
        "online": {
            "count": report.online.n,
            "amount": report.online.minor if report.online.n else None,
        },
        "offline_share": {
            "of_count": _rounded(report.share_of_count),
            "of_amount": _rounded(report.share_of_amount),
            "count": report.n,
        },
        "saved_fees": {
            "amount": report.saved.minor if report.saved.n else None,
            "count": report.saved.n,
        },
        "approval_time": {
            "online": {"mean_ms": report.online_time.ms, "count": report.online_time.n},
            "offline": {"mean_ms": report.offline_time.ms, "count": report.offline_time.n},
        },
        "posted_after": {"mean_ms": report.posted_after.ms, "count": report.posted_after.n},
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _rows(statement: str, merchants: Collection[int] | None, days: Range) -> list[tuple[Any, ...]]:
    asked: dict[str, bool | list[int] | date] = {
        "all": merchants is None,
        "merchants": sorted(merchants or ()),
        "since": days.since,
        "until": days.until,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        return list(cursor.fetchall())


def _report(merchant: str, name: str, currency: str, *figures: int | None) -> Report:
    off, off_minor, on, on_minor, saved, saved_minor, on_ms, on_n, off_ms, posted_ms = figures
    assert off is not None, "a count is never NULL"
    assert on is not None, "a count is never NULL"
    return Report(
        merchant=merchant,
        name=name,
        currency=currency,
        offline=Sum(off, off_minor or 0),
        online=Sum(on, on_minor or 0),
        saved=Sum(saved or 0, saved_minor or 0),
        online_time=Mean(on_ms, on_n or 0),
        offline_time=Mean(off_ms, off),
        posted_after=Mean(posted_ms, off),
    )


# An offline record carries one time: the reader approves in the exchange of the tap, and stores its
# clock's second once. So its approval is that moment, and its mean is what the stored times say.
# Division of positive integers rounds down, as settlement.rules.fees does. The flat fee is agreed
# in the merchant's currency and is none for a payment in another. Of a T-ID, approved_at is when
# the customer's consent came: what lies before it is the customer's thinking, not an approval's.
_COUNTED: Final = """
WITH terms AS (
    SELECT a.merchant_id, m.currency, a.online_fee_minor, a.fee_bps, a.effective_from AS since,
           lead(a.effective_from, 1, 'infinity')
             OVER (PARTITION BY a.merchant_id ORDER BY a.effective_from) AS until
      FROM merchants_agreement a JOIN merchants_merchant m ON m.id = a.merchant_id
     WHERE %(all)s OR a.merchant_id = ANY(%(merchants)s)
), counted AS (
    SELECT p.merchant_id, p.currency, p.amount_minor,
           p.channel = 'OFFLINE' AND p.decided_at IS NULL AS offline,
           CASE WHEN p.currency = t.currency THEN t.online_fee_minor ELSE 0 END
             + p.amount_minor * t.fee_bps / 10000 - p.fee_minor AS saved_minor,
           p.decided_at - CASE WHEN p.channel = 'OFFLINE' THEN p.created_at
                               ELSE p.approved_at END AS decided,
           coalesce(p.decided_at, p.created_at) - p.created_at AS approved,
           p.approved_at - p.created_at AS posted
      FROM settlement_payment p
      LEFT JOIN terms t ON t.merchant_id = p.merchant_id
                       AND p.created_at >= t.since AND p.created_at < t.until
     WHERE p.state = 'APPROVED' AND p.business_date BETWEEN %(since)s AND %(until)s
       AND (%(all)s OR p.merchant_id = ANY(%(merchants)s))
)
"""
_FIGURES: Final = """
       c.currency,
       count(*) FILTER (WHERE offline),
       (sum(amount_minor) FILTER (WHERE offline))::bigint,
       count(*) FILTER (WHERE NOT offline),
       (sum(amount_minor) FILTER (WHERE NOT offline))::bigint,
       count(saved_minor) FILTER (WHERE offline),
       (sum(saved_minor) FILTER (WHERE offline))::bigint,
       round(1000 * extract(epoch FROM avg(decided) FILTER (WHERE NOT offline)))::bigint,
       count(decided) FILTER (WHERE NOT offline),
       round(1000 * extract(epoch FROM avg(approved) FILTER (WHERE offline)))::bigint,
       round(1000 * extract(epoch FROM avg(posted) FILTER (WHERE offline)))::bigint
  FROM counted c
"""
_TOGETHER: Final = f"{_COUNTED} SELECT {_FIGURES} GROUP BY c.currency ORDER BY c.currency"
_EACH: Final = f"""{_COUNTED} SELECT m.reference, m.name, {_FIGURES}
  JOIN merchants_merchant m ON m.id = c.merchant_id
 GROUP BY m.id, c.currency ORDER BY m.name, m.reference, c.currency
"""
