"""The loop that asks issuers at their own systems: one thread for the database, one for HTTP.

Any number of processes may run it. Woken by NOTIFY, and four times a second in case one was missed;
without Valkey it goes on, without PostgreSQL it waits for it. No transaction is open while an
issuer is asked.
"""

import asyncio
import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final

import httpx
import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from config import turns
from issuers.services import lines, outbox, remote
from issuers.services.lines import Came, Outcome
from issuers.services.outbox import Kind, Parcel
from settlement.services import payments

PART: Final = "authorisations"
PLACES: Final = 256  # sendings at a time, over all issuers
PLACES_ADVISING: Final = 128  # of them for reversals and refunds: the rest is for questions alone
ENDED_AT_ONCE: Final = 50  # a turn must not outlast the leases
POLL_S: Final = 0.25

logger = logging.getLogger(__name__)

type Clock = Callable[[], datetime]


class Senders:
    """Sendings under way, in an event loop of their own; finished ones wait to be settled."""

    def __init__(
        self, *, loop: asyncio.AbstractEventLoop, client: httpx.AsyncClient, clock: Clock
    ) -> None:
        self._loop, self._client, self._clock = loop, client, clock
        self._done: queue.SimpleQueue[Outcome | Parcel | None] = queue.SimpleQueue()
        self.in_hand: set[Parcel] = set()

    @property
    def free(self) -> int:
        """How many more may begin."""
        return PLACES - len(self.in_hand)

    @property
    def free_advising(self) -> int:
        """How many more reversals and refunds may begin: nobody waits for those."""
        advising = sum(not parcel.is_question for parcel in self.in_hand)
        return min(self.free, PLACES_ADVISING - advising)

    def busy(self, *, kind: Kind) -> Counter[int]:
        """Return how many of ``kind`` are in hand by issuer."""
        return Counter(p.issuer for p in self.in_hand if p.kind is kind)

    def begin(self, parcel: Parcel) -> None:
        """Start a sending."""
        self.in_hand.add(parcel)
        asyncio.run_coroutine_threadsafe(self._send(parcel), self._loop)

    def wake(self) -> None:
        """Let :meth:`finished` return at once: something is to be sent."""
        self._done.put(None)

    def finished(self, *, wait_s: float) -> list[Outcome]:
        """Return what has finished; wait up to ``wait_s`` for the first, or until woken."""
        outcomes = []
        with suppress(queue.Empty):
            found = self._done.get(timeout=wait_s)
            while True:
                if found is not None:
                    parcel = found.parcel if isinstance(found, Outcome) else found
                    self.in_hand.discard(parcel)
                    outcomes += [found] if isinstance(found, Outcome) else []
                found = self._done.get_nowait()
        return outcomes

    async def _send(self, parcel: Parcel) -> None:
        done: Outcome | Parcel = parcel
        try:
            done = await lines.send(parcel=parcel, client=self._client, clock=self._clock)
        except Exception:  # a fault of ours: the lease runs out, and the deadline ends it
            logger.exception("a sending broke: %s", parcel.document)
        finally:
            self._done.put(done)


@contextmanager
def senders(*, clock: Clock) -> Iterator[Senders]:
    """Run the senders' event loop in a thread of its own while the block runs."""
    client = lines.client_of(places=PLACES)
    with turns.event_loop(client=client) as loop:
        yield Senders(loop=loop, client=client, clock=clock)


def run(*, stop: threading.Event, clock: Clock) -> None:
    """Ask until ``stop``."""
    unsettled: list[Outcome] = []

    def one() -> None:
        nonlocal unsettled
        unsettled = turn(under_way=under_way, unsettled=unsettled, clock=clock)

    with senders(clock=clock) as under_way, _listening(stop, under_way.wake):
        turns.take(part=PART, stop=stop, clock=clock, turn=one)


def turn(
    *, under_way: Senders, unsettled: list[Outcome], clock: Clock, wait_s: float = POLL_S
) -> list[Outcome]:
    """Settle, end what is overdue, take on what is due, and wait a moment for what finishes.

    :raises OperationalError, InterfaceError: the database is away: ``unsettled`` stays to be
        settled
    """
    while unsettled:
        _try_to_settle(unsettled[-1], clock())
        unsettled.pop()
    waiting = outbox.waiting()
    if Kind.QUESTION in waiting:
        payments.end_overdue(at=clock(), limit=ENDED_AT_ONCE)
        outbox.renew(parcels=[p for p in under_way.in_hand if p.is_question], at=clock())
    if waiting:
        _take_on(under_way, waiting, clock())
    return under_way.finished(wait_s=wait_s)


def _try_to_settle(outcome: Outcome, at: datetime) -> None:
    """Write what came of a sending; where that fails the deadline ends it, and nothing waits."""
    try:
        settle(outcome, at=at)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # a fault of ours: it must not stop the words that came after it
        logger.exception("not settled: %s", outcome.parcel.document)


def settle(outcome: Outcome, *, at: datetime) -> None:
    """Write what came of a sending."""
    parcel = outcome.parcel
    if outcome.came is Came.WORD:
        payments.settle(document=parcel.document, word=outcome.word, at=at)
    elif outcome.came is Came.ACKNOWLEDGED:
        outbox.acknowledge(parcel=parcel, at=at)
    else:
        outbox.postpone(parcel=parcel, at=at)


def _take_on(under_way: Senders, waiting: frozenset[Kind], at: datetime) -> None:
    """Take on what is due: first what a customer waits for, last what nobody does."""
    for kind, claim in _CLAIMS.items():
        free = under_way.free if kind is Kind.QUESTION else under_way.free_advising
        if kind in waiting and free > 0:
            for parcel in claim(busy=under_way.busy(kind=kind), limit=free, at=at):
                under_way.begin(parcel)


_CLAIMS: Final = {
    Kind.QUESTION: outbox.claim_questions,
    Kind.REVERSAL: outbox.claim_reversals,
    Kind.REFUND: outbox.claim_refunds,
}


@contextmanager
def _listening(stop: threading.Event, wake: Callable[[], None]) -> Iterator[None]:
    """Call ``wake`` at each notification while the block runs."""
    thread = threading.Thread(target=_listen, args=(stop, wake), name="listener")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _listen(stop: threading.Event, wake: Callable[[], None]) -> None:
    while not stop.is_set():
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {remote.CHANNEL}")
            while not stop.is_set():
                for _note in connection.connection.notifies(timeout=POLL_S, stop_after=1):
                    wake()
        except (DatabaseError, InterfaceError, psycopg.Error):
            stop.wait(turns.RECONNECT_S)  # what was missed, the loop's own poll finds
        finally:
            with suppress(DatabaseError, InterfaceError):
                connection.close()
