"""The feed: follows the event history, makes messages of results and sends what is due.

Woken by the NOTIFY of each event, and four times a second. Events are read by their ids, which
commit out of order: ids that are missing are looked for again, and a sweep over the database finds
what even so was missed.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Final

from django.db import connection

from config import events
from merchants.rns.sending import Sender
from merchants.rns.shared import Shared
from merchants.rules.gaps import MOST, Gaps
from merchants.rules.statuses import Status
from merchants.selectors import notifications as told
from merchants.services import notifications

THREAD: Final = "feed"
EVENTS_AT_ONCE: Final = 5000
POLL_S: Final = 0.25
REPAIR_S: Final = 0.25
SWEEP_S: Final = 1.0
SWEPT_AT_ONCE: Final = 1000
# Approvals this young are looked at again, for a reversal whose event was missed.
APPROVED_WITHIN: Final = timedelta(minutes=2)


class Feed:
    """One thread's reading of events and sending of results."""

    def __init__(self, *, shared: Shared) -> None:
        self._shared = shared
        self.sender = Sender(shared=shared)
        self.gaps: Gaps | None = None
        self._repair_due = self._sweep_due = 0.0
        self._in_memory: Iterator[str] = iter(())
        self._registered_after = 0

    def serve(self, stop: threading.Event) -> None:
        """Read, sweep and send until ``stop``."""
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {events.CHANNEL}")
        while not stop.is_set():
            self._shared.turned(THREAD)
            self.turn(monotonic=time.monotonic())
            for _note in connection.connection.notifies(timeout=POLL_S, stop_after=1):
                pass

    def turn(self, *, monotonic: float) -> None:
        """Take up what is new, and what is due at ``monotonic`` (s)."""
        self._read(monotonic)
        if monotonic >= self._sweep_due:
            self._sweep()
            self._sweep_due = monotonic + SWEEP_S
        self.sender.send_due(at=self._shared.clock())

    def _read(self, monotonic: float) -> None:
        gaps = self.gaps = self.gaps or self._begun(monotonic)
        found = EVENTS_AT_ONCE
        while found == EVENTS_AT_ONCE:
            rows = told.events_after(event=gaps.newest, limit=EVENTS_AT_ONCE)
            self._take(gaps, rows, monotonic)
            found = len(rows)
        if monotonic >= self._repair_due:
            rows = told.events_among(ids=gaps.missing(at=monotonic))
            self._take(gaps, rows, monotonic)
            self._repair_due = monotonic + REPAIR_S

    def _begun(self, monotonic: float) -> Gaps:
        """Begin where a process had read before, a stretch earlier for what committed late."""
        newest, read = told.events_now()
        gaps = Gaps(newest=max(0, min(newest, read) - MOST))
        rows = told.events_after(event=gaps.newest, limit=EVENTS_AT_ONCE)
        gaps.newest = rows[0][0] - 1 if rows else newest
        return gaps

    def _take(self, gaps: Gaps, rows: Sequence[tuple[int, Status | None]], at: float) -> None:
        heard = [status for _id, status in rows if status is not None]
        self._heard(heard)
        gaps.saw(ids=[id_ for id_, _status in rows], at=at)

    def _heard(self, statuses: Sequence[Status]) -> None:
        self._shared.statuses.put(statuses)
        notifications.announce(statuses=statuses, at=self._shared.clock())

    def _sweep(self) -> None:
        """Ask the database about a stretch of what is open, here or there, or just approved."""
        tids = list(islice(self._in_memory, SWEPT_AT_ONCE))
        if len(tids) < SWEPT_AT_ONCE:
            self._in_memory = self._shared.statuses.open_tids()
        since = self._shared.clock() - APPROVED_WITHIN
        registered, approved = told.unsure(
            after=self._registered_after, since=since, limit=SWEPT_AT_ONCE
        )
        self._registered_after = registered[-1][0] if len(registered) == SWEPT_AT_ONCE else 0
        asked = [*tids, *(tid for _id, tid in registered), *approved]
        known = self._shared.known(tids=list(dict.fromkeys(asked)))
        was_told = frozenset(approved)
        news = [one for one in known.values() if one.state != "APPROVED" or one.tid not in was_told]
        notifications.announce(statuses=news, at=self._shared.clock())
