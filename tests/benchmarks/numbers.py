"""A blacklist's numbers for the D benchmarks: a tenth of all cards, drawn at random, seeded."""

import math
from functools import cache

import numpy as np

SEED = 5
CARDS, LISTED = 100_000_000, 10_000_000
CARDS_SHORT, LISTED_SHORT = 1_000_000, 100_000
ADDED, REMOVED = 10_000, 5_000


@cache
def listed(*, short, seed=SEED):
    """Return ascending list numbers as ``uint64``, and of how many cards they are."""
    cards, count = (CARDS_SHORT, LISTED_SHORT) if short else (CARDS, LISTED)
    marks = marked(cards=cards, count=count, seed=seed)
    return np.flatnonzero(marks).astype(np.uint64), cards


def marked(*, cards, count, seed):
    """Return a mark for each card: whether it is one of ``count`` drawn."""
    drawn = np.random.default_rng(seed).choice(cards, count, replace=False, shuffle=False)
    marks = np.zeros(cards, bool)
    marks[drawn] = True
    return marks


def bound_bits(*, of, count):
    """Return log2 C(of, count): the fewest bits that tell any such set from all others."""
    return (math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(of - count + 1)) / math.log(
        2
    )
