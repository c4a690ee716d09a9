"""What happens in virtual time, drawn from a seed: events in order, and faults among them.

An event is one intent: a tap, an upload, a poll, a fetch, a block or an unblock. Faults are drawn
apart from the events, each kind by itself, and so are the sales of tills with theirs.
"""

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random
from typing import Final

from settlement.simulation import sales, withdrawals
from settlement.simulation.plan import AT_UPLOAD, CAP_MINOR, CUTS, REASONS, SKEWS, FaultKind
from settlement.simulation.sales import SalesPlan, TillFault
from settlement.simulation.withdrawals import AtmFault, CashPlan

PHONES: Final = 8
READERS: Final = 3
TILLS: Final = 2
WITHDRAWERS: Final = 2  # customers of the ATMs
EVENTS_PER_ROUND: Final = 75  # of sales at the tills
_EVENTS_PER_FAULT: Final = 60
_RARE: Final = frozenset(
    {FaultKind.READER_DAYS, FaultKind.CLONED_PHONE, FaultKind.ATC_ROLLBACK, FaultKind.CLOCK_SKEW}
)
_EVENTS_PER_RARE: Final = 130
_LASTS: Final[dict[FaultKind, tuple[int, int]]] = {
    FaultKind.LOST_COMMAND: (10, 25),
    FaultKind.PHONE_OFF: (10, 30),
    FaultKind.READER_OFFLINE: (15, 40),
    FaultKind.READER_DAYS: (20, 40),
    FaultKind.CLONED_PHONE: (20, 60),
    FaultKind.ATC_ROLLBACK: (15, 40),
    FaultKind.CLOCK_SKEW: (8, 20),
}


class Kind(StrEnum):
    """What somebody wants."""

    TAP = "tap"
    UPLOAD = "upload"
    POLL = "poll"
    FETCH = "fetch"
    BLOCK = "block"
    UNBLOCK = "unblock"


_WEIGHTS: Final = {
    Kind.TAP: 60,
    Kind.UPLOAD: 12,
    Kind.POLL: 12,
    Kind.FETCH: 9,
    Kind.BLOCK: 3,
    Kind.UNBLOCK: 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One intent, ``wait_s`` after the one before; ``works``: the workers get a turn after it."""

    number: int
    kind: Kind
    wait_s: int
    phone: int
    card: int
    reader: int
    amount_minor: int
    voids: bool
    works: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """It begins before event ``first`` and ends before event ``last``.

    ``subject``: a phone or a reader. ``variant``: of an upload and its interruption 0 or 1, else a
    place in ``SKEWS`` or ``CUTS``, of ``reader-days`` how many hours pass at once.
    """

    kind: FaultKind
    first: int
    last: int
    subject: int
    variant: int = 0

    def lasts(self, number: int) -> bool:
        """Return whether the fault is at work at an event."""
        return self.first <= number < self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """All that a seed decides. ``cards``: how many each phone has; ``sales``: at the tills;
    ``cash``: at the ATMs."""

    seed: int
    cards: tuple[int, ...]
    events: tuple[Event, ...]
    faults: tuple[Fault, ...]
    sales: SalesPlan
    cash: CashPlan

    def digest(self) -> str:
        """Return the SHA-256 (hex) over events and faults."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def make(*, seed: int, events: int, kinds: Collection[FaultKind | TillFault | AtmFault]) -> Script:
    """Draw the script of ``seed``."""
    random = _random(seed, "events")
    cards = tuple(random.choice((1, 1, 2)) for _ in range(PHONES))
    drawn = tuple(_events(random, cards, events))
    of_taps = sorted(kind for kind in kinds if isinstance(kind, FaultKind))
    faults = [fault for kind in of_taps for fault in _faults(_random(seed, kind), kind, drawn)]
    rounds = max(1, events // EVENTS_PER_ROUND)
    sold = sales.make(
        seed=seed,
        tills=TILLS,
        rounds=rounds,
        kinds=[kind for kind in kinds if isinstance(kind, TillFault)],
        visits=True,
    )
    fetched = withdrawals.make(
        seed=seed,
        customers=WITHDRAWERS,
        rounds=rounds,
        kinds=[kind for kind in kinds if isinstance(kind, AtmFault)],
    )
    return Script(
        seed=seed, cards=cards, events=drawn, faults=tuple(faults), sales=sold, cash=fetched
    )


def _random(seed: int, what: str) -> Random:
    return Random(f"paydesk virtual {seed} {what}")  # noqa: S311  (must be repeatable)


def _events(random: Random, cards: tuple[int, ...], count: int) -> Iterator[Event]:
    """Draw intents; a blocked card is tried again more often than others."""
    blocked: list[tuple[int, int]] = []
    for number in range(1, count + 1):
        (kind,) = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
        phone = random.randrange(len(cards))
        card = random.randrange(cards[phone])
        if kind is Kind.UNBLOCK and not blocked:
            kind = Kind.TAP
        if kind is Kind.UNBLOCK:
            phone, card = blocked.pop(random.randrange(len(blocked)))
        elif kind is Kind.BLOCK and (phone, card) not in blocked:
            blocked.append((phone, card))
        elif kind is Kind.TAP and blocked and random.random() < 0.15:
            phone, card = blocked[-1]
        yield Event(
            number=number,
            kind=kind,
            wait_s=_wait_s(random),
            phone=phone,
            card=card,
            reader=random.randrange(READERS),
            amount_minor=_amount_minor(random),
            voids=random.random() < 0.06,
            works=random.random() < 0.3,
            reason=random.choice(REASONS) if kind is Kind.BLOCK else "",
        )


def _wait_s(random: Random) -> int:
    return random.randint(600, 7200) if random.random() < 0.03 else random.randint(1, 40)


def _amount_minor(random: Random) -> int:
    kind = random.random()
    if kind < 0.03:
        return CAP_MINOR
    if kind < 0.07:
        return CAP_MINOR + 1
    return random.randrange(1_000, 12_000, 100)


def _faults(random: Random, kind: FaultKind, events: tuple[Event, ...]) -> Iterator[Fault]:
    """Draw faults of a kind where they can do harm."""
    per_fault = _EVENTS_PER_RARE if kind in _RARE else _EVENTS_PER_FAULT
    times = max(1, len(events) // per_fault)
    among = [event for event in events if event.kind is _WHERE.get(kind, event.kind)]
    for nth, event in enumerate(random.sample(among, min(times, len(among)))):
        variant = nth
        if kind is FaultKind.READER_DAYS:
            variant = random.randint(30, 60)
        elif kind is FaultKind.POWER_CUT:
            variant = nth % len(CUTS)
        elif kind is FaultKind.CLOCK_SKEW:
            variant = random.randrange(len(SKEWS))
        yield Fault(
            kind=kind,
            first=event.number,
            last=event.number + random.randint(*_LASTS.get(kind, (1, 1))),
            subject=_subject(kind, event, variant),
            variant=variant % 2 if kind in AT_UPLOAD else variant,
        )


_WHERE: Final = {
    FaultKind.LOST_COMMAND: Kind.BLOCK,
    FaultKind.POWER_CUT: Kind.TAP,
    FaultKind.CLONED_PHONE: Kind.TAP,
    FaultKind.ATC_ROLLBACK: Kind.TAP,
    **dict.fromkeys(AT_UPLOAD, Kind.UPLOAD),
}
_OF_PHONES: Final = frozenset(
    {
        FaultKind.LOST_COMMAND,
        FaultKind.PHONE_OFF,
        FaultKind.CLONED_PHONE,
        FaultKind.ATC_ROLLBACK,
    }
)


def _subject(kind: FaultKind, event: Event, variant: int) -> int:
    skewed = kind is FaultKind.CLOCK_SKEW and SKEWS[variant][0] == "phone"
    return event.phone if kind in _OF_PHONES or skewed else event.reader
