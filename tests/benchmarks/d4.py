"""D4: how large a delta is, against the bound of the two sets of list numbers it states.

A code that also used what the reader holds could name a removal by its rank among the listed; the
protocol names it by its number, which costs what ``ratio_to_known_base`` shows.
"""

import statistics
from typing import NamedTuple

import numpy as np

from config.wire.errors import WireError
from issuers.wire.held import HeldBlacklist
from tests.benchmarks import contract, files, numbers

WHAT = "signed delta of 10,000 additions and 5,000 removals, bits / its bound"
GOAL = contract.Goal(goal=1.05, required=1.05, higher_is_better=False)


class Change(NamedTuple):
    """What leaves the list and what comes onto it, and the list then; ascending numbers."""

    removed: np.ndarray
    added: np.ndarray
    after: np.ndarray

    def signed(self):
        """Return the delta's bytes."""
        return files.delta(removals=self.removed, additions=self.added, after=self.after)


def run(*, rounds, short):
    """Measure one delta per round on the shared set, and apply the first as a reader does."""
    drawn = numbers.drawn(short=short)
    changes = [_change(drawn, seed) for seed in range(rounds)]
    sizes = [8 * len(change.signed()) for change in changes]
    known = numbers.bound_bits(of=drawn.cards - drawn.listed.size, count=numbers.ADDED)
    known += numbers.bound_bits(of=drawn.listed.size, count=numbers.REMOVED)
    bound = numbers.bound_bits(of=drawn.cards, count=numbers.ADDED)
    bound += numbers.bound_bits(of=drawn.cards, count=numbers.REMOVED)
    middle = statistics.median(sizes)
    return contract.Measured(
        ratios=[size / bound for size in sizes],
        rows_checked=int(changes[0].after.size),
        conditions={**drawn.conditions(), "changes": numbers.ADDED + numbers.REMOVED},
        figures={"bytes": int(middle) // 8, "ratio_to_known_base": round(middle / known, 3)},
        faults=_faults(drawn.listed, changes[0]),
    )


def _change(drawn, seed):
    random = np.random.default_rng(1000 + seed)
    removed = drawn.listed[random.choice(drawn.listed.size, numbers.REMOVED, replace=False)]
    others = np.unique(random.integers(0, drawn.cards, 2 * numbers.ADDED, dtype=np.uint64))
    added = random.choice(others[~drawn.marks[others]], numbers.ADDED, replace=False)
    marks = drawn.marks.copy()
    marks[removed], marks[added] = False, True
    return Change(np.sort(removed), np.sort(added), np.flatnonzero(marks).astype(np.uint64))


def _faults(listed, change):
    held = HeldBlacklist.holding(issuer=files.ISSUER, version=1, numbers=listed)
    try:
        held.apply(files.BlacklistFile.open(change.signed(), public_key=files.KEY.public))
    except WireError as refused:
        return [f"A reader refuses the delta: {refused}"]
    if np.array_equal(files.rice.numbers_of(iter(held)), change.after):
        return []
    return ["The delta does not lead a reader to the issuer's numbers."]
