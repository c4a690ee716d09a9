"""Which notes pay an amount exactly out of what an ATM's cassettes hold."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

# How many notes go by denomination, in minor units of the machine's one currency.
type Notes = Mapping[int, int]

BUNDLE_MOST: Final = 40  # notes that one presentation holds; common for dispensers of ATMs
# What a new machine of the portal's holds, by currency.
NEW_MACHINE: Final[Mapping[str, Notes]] = {
    "KRW": {50_000: 100, 10_000: 200},
    "JPY": {10_000: 100, 1_000: 200},
    "USD": {5_000: 100, 2_000: 200},
    "EUR": {5_000: 100, 2_000: 100, 1_000: 100},
    "GBP": {2_000: 100, 1_000: 200},
    "CNY": {10_000: 200},
    "KWD": {20_000: 100, 5_000: 200},
}


class Preference(StrEnum):
    """What decides where several mixes pay an amount."""

    FEWEST = "FEWEST"  # notes; of two such mixes, the one of larger notes
    BALANCED = "BALANCED"  # the emptiest cassette is left as full as can be, then the next


def value(*, notes: Notes) -> int:
    """Return what ``notes`` are worth, in minor units."""
    return sum(denomination * count for denomination, count in notes.items())


def mix(
    *,
    amount_minor: int,
    held: Notes,
    preference: Preference = Preference.FEWEST,
    most: int = BUNDLE_MOST,
) -> dict[int, int] | None:
    """
    Return the preferred notes that pay ``amount_minor`` exactly out of ``held``; None: none do.

    ``most``: notes that one bundle holds.
    """
    found = _mixes(amount_minor, sorted(held, reverse=True), held, most)
    key = _fewest if preference is Preference.FEWEST else _balanced
    best = min(found, key=lambda notes: key(notes, held), default=None)
    return None if not best else {d: count for d, count in best.items() if count}


def nearest(
    *, amount_minor: int, held: Notes, most: int = BUNDLE_MOST
) -> tuple[int | None, int | None]:
    """Return the next payable amounts at most and at least ``amount_minor``; None: there is none.

    An amount that is payable itself is both.
    """
    payable = _payable(held, most).keys() - {0}
    below = [amount for amount in payable if amount <= amount_minor]
    above = [amount for amount in payable if amount >= amount_minor]
    return max(below, default=None), min(above, default=None)


def _mixes(
    rest: int, denominations: Sequence[int], held: Notes, most: int
) -> Iterator[dict[int, int]]:
    """Yield every mix that pays ``rest`` in at most ``most`` notes."""
    if rest == 0:
        yield {}
    if rest <= 0 or not denominations or most == 0:
        return
    first, others = denominations[0], denominations[1:]
    # What even the largest notes left cannot reach is not looked into.
    fewest_here = max(0, -(-(rest - most * max(others)) // first)) if others else rest // first
    for count in range(min(rest // first, held[first], most), fewest_here - 1, -1):
        for tail in _mixes(rest - count * first, others, held, most - count):
            yield {first: count, **tail}


def _fewest(notes: Notes, held: Notes) -> tuple[int, list[int]]:
    larger_first = [-notes.get(denomination, 0) for denomination in sorted(held, reverse=True)]
    return sum(notes.values()), larger_first


def _balanced(notes: Notes, held: Notes) -> tuple[list[int], int, list[int]]:
    left = sorted(count - notes.get(denomination, 0) for denomination, count in held.items())
    return [-count for count in left], *_fewest(notes, held)


def _payable(held: Notes, most: int) -> dict[int, int]:
    """Return every amount that some mix pays, with the fewest notes for it."""
    reached = {0: 0}
    for denomination, count in held.items():
        for amount, notes in list(reached.items()):
            for more in range(1, min(count, most - notes) + 1):
                total = amount + more * denomination
                reached[total] = min(reached.get(total, most), notes + more)
    return reached
