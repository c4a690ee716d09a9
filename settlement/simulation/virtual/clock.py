"""Virtual time: it stands still until it is told to pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.utils import timezone


class Clock:
    """Seconds since the epoch, for the devices and for the portal alike."""

    def __init__(self, *, start: float) -> None:
        self._now = start

    def now(self) -> float:
        """Return the time in epoch seconds."""
        return self._now

    def at(self) -> datetime:
        """Return the time as the domain takes it."""
        return datetime.fromtimestamp(self._now, UTC)

    def go_on(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._now += seconds

    @contextmanager
    def governing(self) -> Iterator[None]:
        """Make this the time that the portal's faces read inside the block.

        They all read Django's clock; the domain is told the time. Nothing else in this process
        may need the true one.
        """
        true_clock = timezone.now
        timezone.now = self.at
        try:
            yield
        finally:
            timezone.now = true_clock
