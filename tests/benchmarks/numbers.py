"""A blacklist's numbers for the D benchmarks: a tenth of all cards, drawn at random, seeded."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

SEED = 5
CARDS, LISTED = 100_000_000, 10_000_000
CARDS_SHORT, LISTED_SHORT = 1_000_000, 100_000
ADDED, REMOVED = 10_000, 5_000


class Drawn(NamedTuple):
    """Which cards are listed: a mark for each, and the same as ascending ``uint64`` numbers."""

    marks: np.ndarray
    listed: np.ndarray

    @property
    def cards(self):
        """Return how many cards there are, listed or not."""
        return self.marks.size

    @property
    def bound_bits(self):
        """Return the fewest bits that tell this set from all others of its size."""
        return bound_bits(of=self.cards, count=self.listed.size)

    def conditions(self):
        """Return the sizes, for the conditions of a benchmark."""
        return {"cards": self.cards, "listed": int(self.listed.size)}

    def wrong_in(self, numbers):
        """Return how many of the cards ``numbers`` and the list disagree about, as sets.

        A number that names no card, or stands there once more, counts too.
        """
        real = numbers[numbers < self.cards]
        told = np.zeros(self.cards, bool)
        told[real] = True
        return int(numbers.size - told.sum() + (told != self.marks).sum())


@cache
def drawn(*, short):
    """Return the set that all benchmarks of a run share, drawn once: a small one if ``short``."""
    cards, count = (CARDS_SHORT, LISTED_SHORT) if short else (CARDS, LISTED)
    return draw(cards=cards, count=count)


def draw(*, cards, count, seed=SEED):
    """Return ``count`` of ``cards``, each set of so many as likely as any other.

    Cards are drawn with putting back until so many different ones have come; as many at a time as
    are still missing, so that none too many can come.
    """
    random = np.random.default_rng(seed)
    marks = np.zeros(cards, bool)
    missing = count
    while missing:
        marks[random.integers(0, cards, missing, dtype=np.uint32)] = True
        missing = count - int(np.count_nonzero(marks))
    return Drawn(marks, np.flatnonzero(marks).astype(np.uint64))


def bound_bits(*, of, count):
    """Return log2 C(of, count): the fewest bits that tell any such set from all others."""
    return (math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(of - count + 1)) / math.log(
        2
    )
