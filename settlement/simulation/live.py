"""The demo's live traffic: a payment every few seconds, batches, now and then a blocked card.

It goes on through restarts of the portal and of the database: whatever cannot be done now is done
later, and readers go on approving meanwhile, which is what they are for.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from config import health
from config.audit import Actor
from config.refusals import Refused
from issuers.models import Card
from issuers.selectors import card_of
from issuers.services import blacklist
from settlement.services import demo
from settlement.simulation.casting import NotADemo, PortalAway, PortalRefusedUs
from settlement.simulation.children import Answer, ChildLost
from settlement.simulation.journal import Journal
from settlement.simulation.live_atm import LiveAtm
from settlement.simulation.live_tills import LiveTills
from settlement.simulation.residents import Residents, owners
from settlement.simulation.troupe import Troupe

PART: Final = "simulator"
_TICK_S: Final = 0.2
_TRY_AGAIN_S: Final = 2.0
_UPLOAD_PATIENCE_S: Final = 3.0
_BLOCKED_FOR_S: Final = (25.0, 40.0)
_ACTOR: Final = Actor(kind="COMMAND", name=PART)
_STALE: Final = frozenset(
    {
        "uses_exhausted",
        "cumulative_exceeded",
        "certificate_expired",
        "contact_overdue",
        "card_unknown",
    }
)

logger = logging.getLogger(__name__)


class PartyLost(Refused):
    code = "party_lost"
    status = 503
    title = "A simulated device's process ended"


@dataclass(slots=True)
class _Chore:
    """Something done again and again, after a pause between two bounds in seconds."""

    do: Callable[[], None]
    pause_s: tuple[float, float]
    due: float = 0.0


@dataclass(slots=True, kw_only=True)
class Traffic:
    """The chores of the demo, done one after the other by one thread."""

    residents: Residents
    troupe: Troupe
    journal: Journal
    random: Random
    tills: LiveTills
    atm: LiveAtm
    taps: int = 0
    aside: dict[str, Future[Any]] = field(default_factory=dict)

    def chores(self) -> list[_Chore]:
        """Return what is to be done, the parties themselves first."""
        sends = [
            _Chore(self._sending(reader), (5.0, 10.0), due=time.monotonic() + 3 + 2 * reader)
            for reader in range(len(self.troupe.readers))
        ]
        blocks_from = time.monotonic() + 45
        return [
            _Chore(self._settle, (30.0, 30.0)),
            _Chore(self._tap, (2.0, 3.0)),
            # No faster: a card pays 30 times an hour online, and there are a dozen.
            _Chore(self._sell, (10.0, 16.0)),
            _Chore(self._fetch_cash, (40.0, 70.0), due=time.monotonic() + 15),
            _Chore(self._poll, (3.0, 3.0)),
            _Chore(self._sync, (5.0, 5.0)),
            _Chore(self._send_copies, (60.0, 60.0), due=time.monotonic() + 60),
            _Chore(self._block_or_unblock, _BLOCKED_FOR_S, due=blocks_from),
            *sends,
        ]

    def _settle(self) -> None:
        self.residents.settle()
        self.tills.settle()
        self.atm.settle()

    def _sell(self) -> None:
        self._aside("sale", self.tills.sell)

    def _fetch_cash(self) -> None:
        self._aside("cash", self.atm.serve)

    def _tap(self) -> None:
        ready = sorted(phone for phone, cards in self.residents.cards.items() if cards)
        if not ready:
            return
        phone = self.random.choice(ready)
        card = self.random.choice(self.residents.cards[phone])
        self.taps += 1
        told = self.troupe.tap(
            number=self.taps,
            reader=self.random.randrange(len(self.troupe.readers)),
            phone=phone,
            card=card,
            amount_minor=self.random.randrange(2_000, 12_000, 100),
            currency=demo.CURRENCY,
            at=int(time.time()),
        )
        if told["code"] in _STALE:
            self.residents.renew(phone=phone, card=card)

    def _poll(self) -> None:
        phones, at = sorted(self.residents.phones), int(time.time())
        self._aside("poll", lambda: self.troupe.poll_phones(phones, at=at))

    def _sync(self) -> None:
        self._aside("sync", lambda: self.troupe.sync_readers(at=int(time.time())))

    def _send_copies(self) -> None:
        phones = sorted(self.residents.phones)
        self._aside("copies", lambda: [self._copies(phone) for phone in phones])

    def _copies(self, phone: int) -> Answer:
        return self.troupe.phones.ask("send_copies", phone=phone)

    def _sending(self, reader: int) -> Callable[[], None]:
        def upload() -> Answer:
            return self.troupe.readers[reader].ask(
                "upload", at=int(time.time()), patience_s=_UPLOAD_PATIENCE_S
            )

        return lambda: self._aside(f"upload-{reader}", upload)

    def _aside(self, name: str, order: Callable[[], Any]) -> None:
        """Do it while taps go on, unless the last one of that name still waits for the portal."""
        last = self.aside.get(name)
        if last is not None and not last.done():
            return
        if last is not None:
            last.result()  # a party that died is told of here
        self.aside[name] = self.troupe.begin(order)

    def _block_or_unblock(self) -> None:
        """Block the last phone's last card, or lift what an earlier turn blocked."""
        theirs = self.residents.cards[max(self.residents.cards)]
        if not theirs:
            return
        card = card_of(reference=theirs[-1])
        ours = _ACTOR.name
        if card.state == Card.State.ACTIVE and self.random.random() < 0.5:
            done = blacklist.block_and_publish(
                card=card, reason="CUSTOMER", at=timezone.now(), actor=_ACTOR
            )
        elif card.blacklist_entries.filter(lifted_at=None, listed_by=ours).exists():
            done = blacklist.unblock_and_publish(card=card, at=timezone.now(), actor=_ACTOR)
        else:
            return
        self.journal.note(done.entry.card.state.lower(), result=f"v{done.version}")


def perform(*, phones: int, readers: int, tills: int, seed: int | None) -> dict[str, Any]:
    """Make live traffic until SIGTERM or Ctrl-C; return how many taps and sales there were.

    :raises NotADemo: this installation holds real money
    :raises PartyLost: a device's process died; started again, all go on where they were
    """
    if not settings.DEMO:
        raise NotADemo
    folder = Path(settings.DATA_DIR) / "simulation" / "live"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _until_told() as stop, health.beating(part=PART):
        stage = _patiently(lambda: demo.seed(at=timezone.now()), stop)
        if stage is None:
            return {"taps": 0, "sales": 0}
        whims = Random(seed)  # noqa: S311  (of customers, no secrets)
        try:
            with Troupe(folder=folder, readers=readers, tills=tills) as troupe:
                residents = Residents(
                    troupe=troupe, actor=_ACTOR, stage=stage, owners=owners(count=phones)
                )
                selling = LiveTills(
                    troupe=troupe,
                    residents=residents,
                    actor=_ACTOR,
                    stage=stage,
                    folder=folder,
                    random=whims,
                    count=tills,
                )
                cash = LiveAtm(
                    troupe=troupe,
                    residents=residents,
                    actor=_ACTOR,
                    stage=stage,
                    folder=folder,
                    random=whims,
                    is_there=bool(tills),
                )
                traffic = Traffic(
                    residents=residents,
                    troupe=troupe,
                    journal=Journal(folder / "conductor.jsonl"),
                    random=whims,
                    tills=selling,
                    atm=cash,
                )
                with closing(selling):
                    _go_on(traffic, stop)
        except ChildLost as lost:
            raise PartyLost(str(lost)) from lost
    return {"taps": traffic.taps, "sales": selling.sales}


@contextmanager
def _until_told() -> Iterator[threading.Event]:
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _go_on(traffic: Traffic, stop: threading.Event) -> None:
    """Do each chore when it is due; without its parties settled nothing else is tried."""
    settle, *others = traffic.chores()
    while not _done(settle, traffic.random) and not stop.wait(_TRY_AGAIN_S):
        pass
    while not stop.is_set():
        for chore in (settle, *others):
            if time.monotonic() >= chore.due and not stop.is_set():
                _done(chore, traffic.random)
        stop.wait(_TICK_S)


def _done(chore: _Chore, random: Random) -> bool:
    """Do a chore and say whether it could be done; portal and database may be away for a while."""
    try:
        chore.do()
    except (PortalAway, PortalRefusedUs, DatabaseError, InterfaceError) as away:
        logger.warning("later: %s", away)
        connection.close()
        chore.due = time.monotonic() + _TRY_AGAIN_S
        return False
    chore.due = time.monotonic() + random.uniform(*chore.pause_s)
    return True


def _patiently[Answered](ask: Callable[[], Answered], stop: threading.Event) -> Answered | None:
    """Ask the database until it answers or all ends."""
    while not stop.is_set():
        try:
            return ask()
        except (DatabaseError, InterfaceError) as away:
            logger.warning("the database is away: %s", type(away).__name__)
            connection.close()
            stop.wait(_TRY_AGAIN_S)
    return None
