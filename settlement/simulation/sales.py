"""What tills and customers will do in a simulation, drawn from its seed apart from the taps.

Another number of tills, or other faults, leave the taps of a seed as they are.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

_A_ROUND: Final = 2  # sales of each till
_BY_RELAY: Final = 0.4
_PLANNED: Final = 0.5


class Fate(StrEnum):
    """How a sale is meant to end."""

    PAID = "paid"
    DECLINED = "declined"  # by the customer
    CANCELLED = "cancelled"  # by the cashier, before anybody pays


class Ending(StrEnum):
    """How a purchase by a customer's number is meant to end."""

    CASH = "cash"
    CARD = "card"
    PHONE = "phone"  # by its payment number, at once
    CONSENT = "consent"  # by the phone, which is asked
    ABANDONED = "abandoned"
    TAKEN_BACK = "taken-back"  # cancelled once it is paid
    LEFT = "left"  # nobody ends it: time does


class TillFault(StrEnum):
    """What can go wrong between till, phone, portal and notification server."""

    DATAGRAM_LOSS = "datagram-loss"
    DATAGRAM_DISORDER = "datagram-disorder"
    PORT_CHANGE = "port-change"
    TILL_RESTART = "till-restart"
    RNS_RESTART = "rns-restart"
    PHONE_FIRST = "phone-first"
    TWO_PHONES = "two-phones"
    CANCEL_RACE = "cancel-race"


OF_A_SALE: Final = frozenset({TillFault.PHONE_FIRST, TillFault.TWO_PHONES, TillFault.CANCEL_RACE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """A cashier rings an amount up, a shopper takes it: by T-ID, or at the table's relay."""

    number: int
    round: int
    till: int
    shopper: int
    amount_minor: int
    fate: Fate
    by_relay: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A shopper shows a number at a till: benefits, and perhaps the payment."""

    number: int
    round: int
    till: int
    shopper: int
    amount_minor: int
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A fault that begins in a round. ``subject``: a till, or of some kinds a sale's number."""

    kind: TillFault
    round: int
    subject: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesPlan:
    """All sales of a run and what befalls them. ``shoppers``: customers who pay at tills alone.

    ``planned``: the sales whose shopper pays with a plan. ``visits``: purchases by number.
    """

    tills: int = 0
    shoppers: int = 0
    sales: tuple[Sale, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    planned: tuple[int, ...] = ()
    visits: tuple[Visit, ...] = ()

    def befalls(self, sale: Sale, kind: TillFault) -> bool:
        """Return whether that fault is this sale's."""
        return any((each.kind, each.subject) == (kind, sale.number) for each in self.troubles)


def make(
    *, seed: int, tills: int, rounds: int, kinds: Collection[TillFault], visits: bool = False
) -> SalesPlan:
    """Draw the sales of ``seed``; without tills there are none. ``visits``: numbers are shown too.

    Plans and visits are drawn apart: with or without them the sales are the same.
    """
    if not tills:
        return SalesPlan()
    shoppers = tills + 1
    sales = tuple(_sales(random_of(seed, "sales"), tills, shoppers, rounds))
    troubles = tuple(
        trouble
        for kind in sorted(kinds)
        for trouble in _troubles(random_of(seed, kind), kind, sales, tills, rounds)
    )
    shown = _visits(random_of(seed, "visits"), tills, shoppers, rounds) if visits else ()
    return SalesPlan(
        tills=tills,
        shoppers=shoppers,
        sales=sales,
        troubles=troubles,
        planned=tuple(_planned(random_of(seed, "plans"), sales)),
        visits=tuple(shown),
    )


def random_of(seed: int, what: str) -> Random:
    """Return what draws ``what`` of a seed, apart from all else."""
    return Random(f"paydesk tills {seed} {what}")  # noqa: S311  (must be repeatable)


def _sales(random: Random, tills: int, shoppers: int, rounds: int) -> Iterator[Sale]:
    fates = [Fate.PAID] * 6 + [Fate.DECLINED, Fate.CANCELLED]
    for number in range(rounds * tills * _A_ROUND):
        yield Sale(
            number=number + 1,
            round=number // (tills * _A_ROUND),
            till=number % tills,
            shopper=random.randrange(shoppers),
            amount_minor=random.randrange(1_000, 20_000, 100),
            fate=random.choice(fates),
            by_relay=random.random() < _BY_RELAY,
        )


def _planned(random: Random, sales: tuple[Sale, ...]) -> Iterator[int]:
    for sale in sales:
        if random.random() < _PLANNED:
            yield sale.number


def _visits(random: Random, tills: int, shoppers: int, rounds: int) -> Iterator[Visit]:
    """Draw one visit of each till in a round; every ending comes up in turn."""
    endings = random.sample(list(Ending), len(Ending))
    for number in range(rounds * tills):
        yield Visit(
            number=number + 1,
            round=number // tills,
            till=number % tills,
            shopper=random.randrange(shoppers),
            amount_minor=random.randrange(1_000, 20_000, 100),
            ending=endings[number % len(endings)],
        )


def _troubles(
    random: Random, kind: TillFault, sales: tuple[Sale, ...], tills: int, rounds: int
) -> Iterator[Trouble]:
    """Draw about one of a kind in five rounds, at least one."""
    for _ in range(max(1, rounds // 5)):
        if kind in OF_A_SALE:
            sale = random.choice([each for each in sales if each.fate is Fate.PAID] or sales)
            yield Trouble(kind=kind, round=sale.round, subject=sale.number)
        else:
            begins = random.randrange(rounds)
            yield Trouble(kind=kind, round=begins, subject=random.randrange(tills))
