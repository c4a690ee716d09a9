"""The clerk: writes the datagrams' log and the counts, renews the terminals' secrets, beats."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from config import health
from merchants.rns.desk import Desk
from merchants.rns.feed import Feed
from merchants.rns.shared import Shared
from merchants.rules.answering import Key
from merchants.selectors import notifications as told
from merchants.services import equipment, notifications

PART: Final = "rns"
THREAD: Final = "clerk"
WRITE_S: Final = 0.5
RENEW_S: Final = 2.0
# A terminal that was revoked is heard no longer than this, even while the database is away.
SECRETS_LIVE_S: Final = 10.0
ALIVE_WITHIN_S: Final = 10.0
_SECRETS_AT_ONCE: Final = 500


class Clerk:
    """One thread's writing, twice a second."""

    def __init__(self, *, shared: Shared, desk: Desk, feed: Feed, name: str) -> None:
        """:param name: of the process, among all of them."""
        self._shared, self._desk, self._feed, self._name = shared, desk, feed, name
        self._started_at = datetime.now(UTC)
        self._renewed_at = time.monotonic()
        self._overflowed = 0
        self._due: dict[Callable[[], None], float] = {}

    def serve(self, stop: threading.Event) -> None:
        """Write until ``stop``."""
        while not stop.is_set():
            self._shared.turned(THREAD)
            self._when_due(self._renew_secrets, RENEW_S)
            self._write_datagrams()
            self._when_due(self._tell_counts, 1.0)
            self._when_due(self._beat, health.EVERY_S)
            stop.wait(WRITE_S)

    def finish(self) -> None:
        """Write what the threads left when they had ended."""
        self._write_datagrams()
        self._tell_counts()

    def forget_old_secrets(self) -> None:
        """Forget every secret when it could not be asked for so long whether they still hold."""
        if time.monotonic() - self._renewed_at >= SECRETS_LIVE_S:
            self._shared.keys.clear()

    def counts(self) -> dict[str, Any]:
        """Return what this process counted, added up over its threads."""
        loop, desk = (each.counts for each in self._shared.answerings)
        dropped = Counter({str(cause): count for cause, count in loop.dropped.items()})
        dropped.update({str(cause): count for cause, count in desk.dropped.items()})
        at_once = loop.answered + desk.answered
        noted = loop.noted + desk.noted
        return {
            "received": loop.received,
            "answered": at_once + self._desk.answered,
            "dropped": dict(dropped),
            "overflowed": self._overflowed,
            "results": self._desk.sender.sent + self._feed.sender.sent,
            "left_out": self._shared.journal.left_out + 2 * (at_once - noted),
            "tids": len(self._shared.statuses),
        }

    def _when_due(self, act: Callable[[], None], every_s: float) -> None:
        now = time.monotonic()
        if now >= self._due.get(act, 0.0):
            act()
            self._due[act] = now + every_s

    def _renew_secrets(self) -> None:
        """Hold the secrets of the terminals that may be heard now, and of no other."""
        keys, began = self._shared.keys, time.monotonic()
        heard = set(told.terminals_heard(most=self._shared.limits.terminals))
        for number in keys.keys() - heard:
            keys.pop(number, None)
        fresh = sorted(heard - keys.keys())
        for start in range(0, len(fresh), _SECRETS_AT_ONCE):
            some = equipment.secrets_of(numbers=fresh[start : start + _SECRETS_AT_ONCE])
            keys.update({number: Key(number=number, secret=some[number]) for number in some})
        self._renewed_at = began

    def _write_datagrams(self) -> None:
        lines = self._shared.journal.take()
        if lines:
            notifications.write_datagrams(lines=lines)

    def _tell_counts(self) -> None:
        at = datetime.now(UTC)
        with suppress(OSError):  # the socket is closed when we end
            self._overflowed = self._shared.overflowed()
        notifications.tell_counts(
            name=self._name, started_at=self._started_at, at=at, counts=self.counts()
        )
        if self._feed.gaps is not None:
            notifications.move_cursor(event=self._feed.gaps.low)

    def _beat(self) -> None:
        """Beat while every thread goes round."""
        now = time.monotonic()
        if all(now - at < ALIVE_WITHIN_S for at in self._shared.turned_at.values()):
            health.beat(part=PART, at=datetime.now(UTC))
