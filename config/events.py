"""The event history: one row per change, numbered after commit, read by cursor.

Events are written inside the transaction of the change and commit without ``seq``; one sequencer
(an advisory lock) numbers what has committed, gap-free per scope. Sockets, webhooks and pages are
cursors over the same rows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from config.models import Event, EventHead
from config.pipeline import Statement

CHANNEL = "paydesk_events"
_SEQUENCER_LOCK = 0x50_73_65_71


def write(
    *, scope: str, kind: str, subject: str, at: datetime, body: dict[str, Any] | None = None
) -> Event:
    """Append one event of ``kind`` ("payment.approved") in the running transaction."""
    event = Event.objects.create(scope=scope, type=kind, subject=subject, at=at, body=body or {})
    wake()
    return event


def write_many(events: Sequence[Event]) -> None:
    """Append many events in one statement, in the order given."""
    Event.objects.bulk_create(events, batch_size=5000)
    wake()


def wake() -> None:
    """Notify the sequencer when the running transaction commits (PostgreSQL delivers it then)."""
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, [CHANNEL])


def writing(
    *, scope: str, kind: str, subject: str, at: datetime, body: dict[str, Any]
) -> Statement:
    """Return the statement that appends one event; :func:`waking` goes with it."""
    return Statement(_WRITE, [scope, kind, subject, at, Jsonb(body)])


def waking() -> Statement:
    """Return the statement of :func:`wake`."""
    return Statement(_WAKE, [CHANNEL])


_WRITE = "INSERT INTO config_event (scope, type, subject, at, body) VALUES (%s, %s, %s, %s, %s)"
_WAKE = "SELECT pg_notify(%s, '')"


def after(*, scope: str, seq: int, limit: int) -> list[Event]:
    """Return the events of ``scope`` numbered above ``seq``, oldest first, at most ``limit``."""
    return list(Event.objects.filter(scope=scope, seq__gt=seq).order_by("seq")[:limit])


def after_each(*, cursors: Mapping[int, tuple[str, int]], limit: int) -> dict[int, list[Event]]:
    """Return what follows each cursor, (scope, seq), by its key, in one statement.

    At most ``limit`` events each, oldest first; a cursor with nothing behind it is left out.
    """
    asked = [list(cursors), *map(list, zip(*cursors.values(), strict=True))]
    found: dict[int, list[Event]] = {}
    for event in Event.objects.raw(_AFTER_EACH, [*asked, limit]):
        key: int = event.asked_by  # type: ignore[attr-defined]  # the statement adds it
        found.setdefault(key, []).append(event)
    return found


def head(*, scope: str) -> int:
    """Return the newest number given out in ``scope``; 0 before the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM config_eventhead WHERE scope = %s", [scope])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def floor(*, scope: str) -> int:
    """Return the number up to which events of ``scope`` may have been retired; 0 while none was.

    Above it every number up to the head is there. Who asks for what follows an older one gets what
    is left, and must not take the rest for lost.
    """
    return EventHead.objects.filter(scope=scope).values_list("floor", flat=True).first() or 0


def raise_floors(*, numbers: Mapping[str, int]) -> None:
    """Note that events up to a number, by scope, are retired in the running transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_RAISE_FLOORS, [list(numbers), list(numbers.values())])


def unnumbered_in(*, first: datetime, until: datetime, **_newer: object) -> str:
    """Return why a month must stay: events in it that the sequencer has not numbered."""
    waiting = Event.objects.filter(seq=None, at__gte=first, at__lt=until)
    return "events without a number" if waiting.exists() else ""


class Numbered(NamedTuple):
    """What one turn numbered: the new head of each scope, and whether more may wait."""

    heads: dict[str, int]
    more: bool


@transaction.atomic
def take_turn(*, limit: int = 5000) -> Numbered:
    """Number the committed events that wait, in id order, at most ``limit``.

    Set-based: one statement whatever the count. A second sequencer finds the lock taken and
    numbers nothing. An event that commits late simply gets a later number.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_SEQUENCER_LOCK])
        row = cursor.fetchone()
        if not row or not row[0]:
            return Numbered({}, more=False)
        cursor.execute(_NUMBER, [limit])
        rows = cursor.fetchall()
    count = sum(int(count) for _scope, _seq, count in rows)
    return Numbered({scope: int(seq) for scope, seq, _count in rows}, more=count == limit)


# The table's trigger ``takes_next_numbers`` moves the heads along, or refuses. ``seq IS NULL`` is
# said twice, for the partial index of each partition serves both.
_NUMBER = """
WITH waiting AS (
    SELECT id, at, scope FROM config_event WHERE seq IS NULL ORDER BY id LIMIT %s
), placed AS (
    SELECT w.id, w.at,
           COALESCE(h.seq, 0) + row_number() OVER (PARTITION BY w.scope ORDER BY w.id) AS seq
      FROM waiting w LEFT JOIN config_eventhead h USING (scope)
), numbered AS (
    UPDATE config_event e SET seq = p.seq FROM placed p
     WHERE e.id = p.id AND e.at = p.at AND e.seq IS NULL RETURNING e.scope, e.seq
)
SELECT scope, max(seq), count(*) FROM numbered GROUP BY scope
"""

_AFTER_EACH = """
SELECT asked.key AS asked_by, e.*
  FROM unnest(%s::bigint[], %s::varchar[], %s::bigint[]) AS asked (key, scope, seq)
 CROSS JOIN LATERAL (
    SELECT * FROM config_event WHERE scope = asked.scope AND seq > asked.seq ORDER BY seq LIMIT %s
 ) e ORDER BY asked.key, e.seq
"""

_RAISE_FLOORS = """
UPDATE config_eventhead h SET floor = greatest(h.floor, gone.seq)
  FROM unnest(%s::varchar[], %s::bigint[]) AS gone (scope, seq) WHERE h.scope = gone.scope
"""
