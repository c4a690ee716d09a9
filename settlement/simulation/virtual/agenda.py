"""What is to happen when, in virtual time: datagrams on their way, answers, second thoughts."""

import heapq
import itertools
from collections.abc import Callable

from settlement.simulation.virtual.clock import Clock


class Agenda:
    """Acts in the order of their times, and of being asked for where two have the same."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._acts: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Let ``act`` happen in ``seconds``; at once is not before others that are due."""
        at = self._clock.now() + max(0.0, seconds)
        heapq.heappush(self._acts, (at, next(self._numbers), act))

    def pass_by(self, seconds: float) -> None:
        """Let ``seconds`` pass, and what falls into them happen, each at its time."""
        until = self._clock.now() + seconds
        while self._acts and self._acts[0][0] <= until:
            at, _number, act = heapq.heappop(self._acts)
            self._clock.go_on(max(0.0, at - self._clock.now()))
            act()
        self._clock.go_on(max(0.0, until - self._clock.now()))
