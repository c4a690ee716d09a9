"""What will happen in a simulation, drawn from its seed before anything starts.

A plan is intents (who pays what, where and in which round; which card the issuer blocks and when)
and faults. Both come from the seed alone, intents whatever the faults: two runs of one seed want
the same, and their digests say so. Time is counted in rounds of a second; rounds are barriers, so
no end depends on how fast a process was.
"""

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from random import Random
from typing import Final

from settlement.simulation import sales
from settlement.simulation.sales import SalesPlan, TillFault
from settlement.simulation.withdrawals import AtmFault

REASONS: Final = ("LOST", "STOLEN", "FRAUD", "CUSTOMER")
CAP_MINOR: Final = 50_000  # the programme's per-payment cap (mission, "Decided")
_PAYS: Final = 0.7  # how likely a phone pays in a round
_VOIDS: Final = 0.06


class FaultKind(StrEnum):
    """What a plan can let go wrong; ``docs/simulator.md`` says what each must not break."""

    LOST_COMMAND = "lost-command"
    PHONE_OFF = "phone-off"
    READER_OFFLINE = "reader-offline"
    READER_DAYS = "reader-days"
    POWER_CUT = "power-cut"
    CLONED_PHONE = "cloned-phone"
    ATC_ROLLBACK = "atc-rollback"
    CLOCK_SKEW = "clock-skew"
    DUPLICATE_UPLOAD = "duplicate-upload"
    TAMPERED_RECORD = "tampered-record"
    FORGED_CRYPTOGRAM = "forged-cryptogram"
    INTERRUPTED_UPLOAD = "interrupted-upload"


AFTER_BLOCK: Final = frozenset({FaultKind.LOST_COMMAND, FaultKind.READER_OFFLINE})
AT_THE_END: Final = frozenset({FaultKind.CLONED_PHONE, FaultKind.ATC_ROLLBACK})
SKEWS: Final[tuple[tuple[str, int], ...]] = (
    ("reader", 1),
    ("reader", -1),
    ("phone", 1),
    ("phone", -1),
)  # by variant: days
CUTS: Final[tuple[tuple[str, str], ...]] = (
    ("phone", "before"),
    ("reader", "after"),
    ("phone", "after"),
    ("reader", "before"),
)
AT_UPLOAD: Final = frozenset(
    {
        FaultKind.DUPLICATE_UPLOAD,
        FaultKind.TAMPERED_RECORD,
        FaultKind.FORGED_CRYPTOGRAM,
        FaultKind.INTERRUPTED_UPLOAD,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """One wish to pay: ``card`` counts the phone's cards, ``voids`` takes it back at once."""

    number: int
    round: int
    reader: int
    phone: int
    card: int
    amount_minor: int
    voids: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What the issuer's staff do at the end of a round; "" as ``reason`` lifts a block."""

    round: int
    phone: int
    card: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A reader's batch, sent after the taps of a round."""

    round: int
    reader: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``subject`` is a phone or a reader, of a power cut a tap; it lasts ``rounds`` rounds.

    ``variant``: an upload is cut amid its bytes (0) or its answer lost (1); else a place in
    ``SKEWS`` or ``CUTS``.
    """

    kind: FaultKind
    round: int
    subject: int
    rounds: int = 1
    variant: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All of a simulation. ``cards`` is how many cards each phone has."""

    seed: int
    rounds: int
    readers: int
    market: SalesPlan
    cards: tuple[int, ...]
    taps: tuple[Tap, ...]
    acts: tuple[Act, ...]
    uploads: tuple[Upload, ...]
    faults: tuple[Fault, ...]

    def digest(self) -> str:
        """Return the SHA-256 (hex) over intents and faults."""
        told = asdict(self)
        market = told.pop("market")
        # A plan without tills is what it was before there were any.
        told |= {"tills": self.market.tills} | ({"market": market} if self.market.tills else {})
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def make(
    *,
    seed: int,
    phones: int,
    readers: int,
    tills: int,
    rounds: int,
    kinds: Collection[FaultKind | TillFault | AtmFault],
) -> Plan:
    """Draw the plan of ``seed`` with faults of the given kinds; at least one of each party."""
    intents = _random(seed, "intents")
    cards = tuple(intents.choice((1, 1, 2)) for _ in range(phones))
    acts = tuple(_acts(intents, cards, rounds))
    taps = tuple(_numbered(_taps(intents, cards, readers, rounds, acts)))
    uploads = tuple(_uploads(intents, readers, rounds))
    of_tills = {kind for kind in kinds if isinstance(kind, TillFault)}
    market = sales.make(seed=seed, tills=tills, rounds=rounds, kinds=of_tills)
    plan = Plan(
        seed=seed,
        rounds=rounds,
        readers=readers,
        market=market,
        cards=cards,
        taps=taps,
        acts=acts,
        uploads=uploads,
        faults=(),
    )
    others = sorted(kind for kind in kinds if isinstance(kind, FaultKind))
    faults = [fault for kind in others for fault in _faults(_random(seed, kind), kind, plan)]
    return replace(plan, faults=tuple(faults))


def _random(seed: int, what: str) -> Random:
    return Random(f"paydesk {seed} {what}")  # noqa: S311  (must be repeatable, guards nothing)


def _acts(random: Random, cards: tuple[int, ...], rounds: int) -> Iterator[Act]:
    """Block about one card in five rounds, each once; lift most blocks a few rounds later."""
    all_cards = [(phone, card) for phone, count in enumerate(cards) for card in range(count)]
    random.shuffle(all_cards)
    blocks = max(1, min(rounds // 5, len(all_cards) // 2)) if rounds > 1 else 0
    found = []
    for nth, (phone, card) in enumerate(all_cards[:blocks]):
        first = 0 if nth == 0 else random.randrange(rounds - 1)
        found.append(Act(round=first, phone=phone, card=card, reason=random.choice(REASONS)))
        lifted = first + random.randint(2, 5)
        if lifted < rounds:
            found.append(Act(round=lifted, phone=phone, card=card, reason=""))
    yield from sorted(found, key=lambda act: (act.round, act.phone, act.card))


def _taps(
    random: Random, cards: tuple[int, ...], readers: int, rounds: int, acts: tuple[Act, ...]
) -> Iterator[Tap]:
    """Let each phone pay at one reader at most in a round; a blocked card is tried again soon."""
    tried = {
        (act.round + wait, act.phone): act.card for act in acts if act.reason for wait in (1, 2)
    }
    for in_round in range(rounds):
        for phone in random.sample(range(len(cards)), len(cards)):
            pays, card = random.random() < _PAYS, random.randrange(cards[phone])
            reader, amount_minor = random.randrange(readers), _amount_minor(random)
            voids = random.random() < _VOIDS
            again = tried.get((in_round, phone))
            if pays or again is not None:
                yield Tap(
                    number=0,
                    round=in_round,
                    reader=reader,
                    phone=phone,
                    card=card if again is None else again,
                    amount_minor=amount_minor,
                    voids=voids,
                )


def _numbered(taps: Iterator[Tap]) -> Iterator[Tap]:
    for number, tap in enumerate(taps, start=1):
        yield replace(tap, number=number)


def _amount_minor(random: Random) -> int:
    """Return mostly small change, now and then exactly the cap or one minor unit above it."""
    kind = random.random()
    if kind < 0.04:
        return CAP_MINOR
    if kind < 0.08:
        return CAP_MINOR + 1
    if kind < 0.12:
        return random.randrange(20_000, 49_000, 100)
    return random.randrange(1_000, 9_000, 100)


def _uploads(random: Random, readers: int, rounds: int) -> Iterator[Upload]:
    """Let each reader send what it has every few rounds; the end of the run sends the rest."""
    every = [random.randint(2, 3) for _ in range(readers)]
    for in_round in range(rounds):
        for reader, pause in enumerate(every):
            if (in_round + reader) % pause == pause - 1:
                yield Upload(round=in_round, reader=reader)


def _faults(random: Random, kind: FaultKind, plan: Plan) -> Iterator[Fault]:
    """Draw about one fault of ``kind`` in ten rounds, where it can do harm."""
    times = max(1, plan.rounds // 10)
    if kind in AT_UPLOAD:
        sent = random.sample(plan.uploads, min(times, len(plan.uploads)))
        for nth, upload in enumerate(sent):
            yield Fault(kind=kind, round=upload.round, subject=upload.reader, variant=nth % 2)
        return
    if kind in AFTER_BLOCK:
        yield from _after_blocks(random, kind, plan, times)
    elif kind in AT_THE_END:
        yield Fault(kind=kind, round=plan.rounds, subject=random.randrange(len(plan.cards)))
    elif kind is FaultKind.POWER_CUT:
        for nth, tap in enumerate(random.sample(plan.taps, min(2 * times, len(plan.taps)))):
            yield Fault(kind=kind, round=tap.round, subject=tap.number, variant=nth % len(CUTS))
    else:
        for nth in range(times):
            yield _somewhere(random, kind, plan, nth)


def _after_blocks(random: Random, kind: FaultKind, plan: Plan, times: int) -> Iterator[Fault]:
    blocks = [act for act in plan.acts if act.reason]
    for act in random.sample(blocks, min(times, len(blocks))):
        lasts = random.randint(2, 3)
        lost = kind is FaultKind.LOST_COMMAND
        subject = act.phone if lost else random.randrange(plan.readers)
        # The round after the block is when phone and reader should have heard of it.
        yield Fault(kind=kind, round=act.round + 1, subject=subject, rounds=lasts)


def _somewhere(random: Random, kind: FaultKind, plan: Plan, nth: int) -> Fault:
    """Draw a fault of a phone or a reader that any round may begin."""
    variant = nth % len(SKEWS)
    skewed = kind is FaultKind.CLOCK_SKEW and SKEWS[variant][0] == "phone"
    among = len(plan.cards) if skewed or kind is FaultKind.PHONE_OFF else plan.readers
    return Fault(
        kind=kind,
        round=random.randrange(plan.rounds),
        subject=random.randrange(among),
        rounds=random.randint(1, 2),
        variant=variant,
    )
