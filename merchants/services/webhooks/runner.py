"""The loop that delivers: one thread asks the database, another one talks to receivers.

Any number of processes may run it. Without Valkey it goes on, without PostgreSQL it waits for it.
"""

import asyncio
import logging
import queue
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final

import httpx

from config import turns
from merchants.services.webhooks import leases, sending, spool
from merchants.services.webhooks.leases import Outcome, Parcel
from merchants.services.webhooks.sending import Resolve

PLACES: Final = 64  # attempts at a time
PART: Final = "webhooks"
POLL_S: Final = 0.25

logger = logging.getLogger(__name__)


class Senders:
    """Attempts under way, in an event loop of their own; finished ones wait to be settled."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        client: httpx.AsyncClient,
        resolve: Resolve,
        clock: Callable[[], datetime],
    ) -> None:
        self._loop, self._client, self._resolve, self._clock = loop, client, resolve, clock
        self._done: queue.SimpleQueue[tuple[Parcel, Outcome | None]] = queue.SimpleQueue()
        self.busy: Counter[int] = Counter()  # by endpoint

    @property
    def free(self) -> int:
        """How many more may begin."""
        return PLACES - self.busy.total()

    def begin(self, parcel: Parcel) -> None:
        """Start an attempt."""
        self.busy[parcel.endpoint] += 1
        asyncio.run_coroutine_threadsafe(self._attempt(parcel), self._loop)

    def finished(self, *, wait_s: float) -> list[Outcome]:
        """Return what has finished; wait up to ``wait_s`` for the first."""
        outcomes = []
        with suppress(queue.Empty):
            found = self._done.get(timeout=wait_s)
            while True:
                parcel, outcome = found
                self.busy -= Counter({parcel.endpoint: 1})
                outcomes += [outcome] if outcome else []
                found = self._done.get_nowait()
        return outcomes

    async def _attempt(self, parcel: Parcel) -> None:
        outcome = None
        try:
            outcome = await sending.send(
                parcel=parcel, client=self._client, resolve=self._resolve, clock=self._clock
            )
        except Exception:  # a fault of ours: the lease runs out and the ladder goes on
            logger.exception("an attempt broke: %s", parcel.webhook_id)
        finally:
            self._done.put((parcel, outcome))


@contextmanager
def senders(*, clock: Callable[[], datetime]) -> Iterator[Senders]:
    """Run the senders' event loop in a thread of its own while the block runs."""
    # As many threads as attempts: a name server that does not answer must not hold the others up.
    executor = ThreadPoolExecutor(max_workers=PLACES, thread_name_prefix="resolve")
    client = sending.client_of(sending.trust(), places=PLACES)
    try:
        with turns.event_loop(client=client) as loop:
            resolve = sending.resolver(executor)
            yield Senders(loop=loop, client=client, resolve=resolve, clock=clock)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def run(*, stop: threading.Event, clock: Callable[[], datetime]) -> None:
    """Deliver until ``stop``."""
    unsettled: list[Outcome] = []

    def one() -> None:
        nonlocal unsettled
        unsettled = turn(under_way=under_way, unsettled=unsettled, clock=clock)

    with senders(clock=clock) as under_way:
        turns.take(part=PART, stop=stop, clock=clock, turn=one)


def turn(
    *,
    under_way: Senders,
    unsettled: list[Outcome],
    clock: Callable[[], datetime],
    wait_s: float = POLL_S,
) -> list[Outcome]:
    """Settle, write what is new, take on what is due, and wait a moment for what finishes.

    :raises DatabaseError: ``unsettled`` stays to be settled; what was begun goes on
    """
    leases.settle(outcomes=unsettled, at=clock(), draws=[random.random() for _ in unsettled])  # noqa: S311
    unsettled.clear()
    while spool.write_due(at=clock()) >= spool.EVENTS_AT_ONCE:
        pass
    if (free := under_way.free) > 0:
        for parcel in leases.claim(limit=free, busy=under_way.busy, at=clock()):
            under_way.begin(parcel)
    return under_way.finished(wait_s=wait_s)
