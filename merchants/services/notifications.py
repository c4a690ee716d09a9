"""Result notifications in the database: who registered, what is due, what arrived (protocol §4.2).

The rules are ``merchants.rules.results``; here rows are locked, in the order of their T-IDs, and
written. Several processes do this at once: a row's lock lets one of them win.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from django.db import connection, transaction

from merchants.models import (
    NotificationProcess,
    ResultNotification,
)
from merchants.rules import results
from merchants.rules.journal import Line
from merchants.rules.results import Acknowledgement, Register
from merchants.rules.statuses import Status
from merchants.wire.datagram import NONCE_BYTES, DatagramState

FORGET_PROCESS_AFTER: Final = timedelta(hours=1)

_REGISTERED: Final = ("address", "port", "registered_ms", "registered_at")
_MESSAGE: Final = ("message", "nonce", "told", "told_at", "amount_minor", "currency")
_COURSE: Final = ("state", "attempts", "next_at", "acked_at")


@transaction.atomic
def register(*, registers: Sequence[Register], at: datetime) -> list[bool]:
    """Keep the address of each REGISTER whose T-ID exists; say of each whether it gets an answer.

    What is answered is committed: a result that comes after it finds the row.
    """
    _make_rows(registers, at)
    rows = _locked({each.tid for each in registers})
    before = {tid: row.registered_ms for tid, row in rows.items()}
    answered = [
        results.take_register(row=rows[each.tid], register=each, at=at) for each in registers
    ]
    # Only a later REGISTER than the row's changes it, its time first of all.
    changed = [row for tid, row in rows.items() if row.registered_ms != before[tid]]
    ResultNotification.objects.bulk_update(changed, [*_REGISTERED, *_COURSE])
    return answered


@transaction.atomic
def announce(*, statuses: Iterable[Status], at: datetime) -> int:
    """Make messages of final states not told yet, for the T-IDs that are registered; say how many.

    Twice the same makes one message.
    """
    final = {status.tid: status for status in statuses if status.is_final}
    if not final:
        return 0
    rows = _locked(final)
    changed = [
        row
        for tid, row in rows.items()
        if results.take_status(row=row, status=final[tid], nonce=os.urandom(NONCE_BYTES), at=at)
    ]
    ResultNotification.objects.bulk_update(changed, [*_MESSAGE, "approval_code", *_COURSE])
    return len(changed)


@transaction.atomic
def acknowledge(*, acknowledgements: Sequence[Acknowledgement], at: datetime) -> int:
    """Note which newest messages arrived; say how many."""
    rows = _locked({each.tid for each in acknowledgements})
    changed = [
        rows[ack.tid]
        for ack in acknowledgements
        if ack.tid in rows and results.take_acknowledgement(row=rows[ack.tid], ack=ack, at=at)
    ]
    ResultNotification.objects.bulk_update(changed, _COURSE)
    return len(changed)


class Taken(NamedTuple):
    """Messages to be sent now, of how many rows, and when the first of all had been due."""

    to_send: list[ResultNotification]
    rows: int
    first_due: datetime | None


def take_due(*, at: datetime, limit: int, jitter: Callable[[], float]) -> Taken:
    """Take the messages to be sent now, each by one process alone; those used up are UNDELIVERED.

    At most ``limit`` rows. They count as sent when this returns: who dies before sending leaves it
    to the next turn. Mostly none is due, which one look tells.
    """
    first = first_due()
    if first is None or first > at:
        return Taken([], 0, first)
    return Taken(*_taken(at, limit, jitter), first)


def first_due() -> datetime | None:
    """Return when the first message is due, which may be past; None where none waits."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_DUE)
        row = cursor.fetchone()
    return row[0] if row else None


@transaction.atomic
def _taken(
    at: datetime, limit: int, jitter: Callable[[], float]
) -> tuple[list[ResultNotification], int]:
    due = ResultNotification.objects.filter(next_at__lte=at).order_by("next_at")
    rows = list(due.select_for_update(skip_locked=True)[:limit])
    to_send = [row for row in rows if results.take_turn(row=row, at=at, jitter=jitter)]
    ResultNotification.objects.bulk_update(rows, _COURSE)
    return to_send, len(rows)


_FIRST_DUE: Final = """
SELECT next_at FROM merchants_resultnotification
 WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1
"""


def write_datagrams(*, lines: Sequence[Line]) -> None:
    """Append what was received and sent to the log of each T-ID, in one statement."""
    with connection.cursor() as cursor, cursor.copy(_COPY_DATAGRAMS) as copy:
        for line in lines:
            told = DatagramState(line.state).name if line.state else ""
            at = datetime.fromtimestamp(line.at, UTC)
            place = (line.address, line.port)
            copy.write_row(
                (at, line.tid, line.direction, line.kind.name, *place, told, line.message)
            )


_COPY_DATAGRAMS: Final = """
COPY merchants_datagramrecord (at, tid, direction, kind, address, port, state, message) FROM STDIN
"""


def tell_counts(
    *, name: str, started_at: datetime, at: datetime, counts: dict[str, object]
) -> None:
    """Write what a process counted, and forget those that have been silent for an hour."""
    told = {"started_at": started_at, "at": at, "counts": counts}
    NotificationProcess.objects.update_or_create(name=name, defaults=told)
    NotificationProcess.objects.filter(at__lte=at - FORGET_PROCESS_AFTER).delete()


def move_cursor(*, event: int) -> None:
    """Note that every event up to ``event`` (id) has been looked at; it never goes back."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_CURSOR, [event])


_MOVE_CURSOR: Final = """
INSERT INTO merchants_notificationcursor (id, event) VALUES (1, %s)
ON CONFLICT (id) DO UPDATE SET event = excluded.event
 WHERE merchants_notificationcursor.event < excluded.event
"""


def _make_rows(registers: Sequence[Register], at: datetime) -> None:
    """Make the rows that are missing, as if by the first REGISTER: the rule then finds it there."""
    first = {each.tid: each for each in reversed(registers)}
    known = set(ResultNotification.objects.filter(tid__in=first).values_list("tid", flat=True))
    fresh = [
        ResultNotification(
            tid=each.tid,
            number=each.number,
            address=each.address,
            port=each.port,
            registered_ms=each.ms,
            registered_at=at,
        )
        for tid, each in sorted(first.items())
        if tid not in known
    ]
    ResultNotification.objects.bulk_create(fresh, ignore_conflicts=True)


def _locked(tids: Iterable[str]) -> dict[str, ResultNotification]:
    rows = ResultNotification.objects.filter(tid__in=list(tids)).order_by("tid")
    return {row.tid: row for row in rows.select_for_update()}
