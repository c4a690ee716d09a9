"""Points by lots: which of them are spent, those that expire first before all others."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from config.refusals import Refused


class TooFewPoints(Refused):
    """The lots that have not expired hold less than is to be spent."""

    code = "too_few_points"
    title = "There are not so many points"


class Lot(NamedTuple):
    """Points that expire together; ``lot`` is unique among a customer's."""

    lot: str
    amount_minor: int
    ends_at: datetime


class Spent(NamedTuple):
    """What is spent of one lot."""

    lot: Lot
    amount_minor: int


def balance_of(*, lots: Iterable[Lot], at: datetime) -> int:
    """Return what has not expired ``at`` that time, in minor units."""
    return sum(lot.amount_minor for lot in lots if at < lot.ends_at)


def spent_of(*, lots: Iterable[Lot], amount_minor: int, at: datetime) -> list[Spent]:
    """Return what is taken of which lots to spend ``amount_minor``.

    :raises TooFewPoints: if what has not expired ``at`` that time does not come to it.
    """
    spent, wanted = [], amount_minor
    for lot in sorted(lots, key=lambda each: (each.ends_at, each.lot)):
        taken = min(wanted, lot.amount_minor) if at < lot.ends_at else 0
        if taken:
            spent.append(Spent(lot, taken))
            wanted -= taken
    if wanted:
        raise TooFewPoints
    return spent
