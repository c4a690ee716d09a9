"""D4: how large a delta is, against the bound of the two sets of list numbers it states.

A code that also used what the reader holds could name a removal by its rank among the listed; the
protocol names it by its number, which costs what ``ratio_to_known_base`` shows.
"""

import numpy as np

from issuers.wire.held import HeldBlacklist
from tests.benchmarks import contract, files, numbers

WHAT = "signed delta of 10,000 additions and 5,000 removals, bits / its bound"
GOAL = contract.Goal(goal=1.05, required=1.05, higher_is_better=False)


def run(*, rounds, short):
    """Measure one delta per round on one list, and apply the first as a reader does."""
    listed, cards = numbers.listed(short=short)
    ratios, known, faults = [], [], []
    for seed in range(rounds):
        removed, added, after = _changes(listed, cards, seed)
        signed = files.delta(removals=removed, additions=added, after=after)
        bound = numbers.bound_bits(of=cards, count=added.size)
        ranks = numbers.bound_bits(of=cards - listed.size, count=added.size)
        ratios.append(8 * len(signed) / (bound + numbers.bound_bits(of=cards, count=removed.size)))
        known.append(
            8 * len(signed) / (ranks + numbers.bound_bits(of=listed.size, count=removed.size))
        )
        if seed == 0:
            faults = _faults(listed, signed, after)
    numbers.listed.cache_clear()
    return contract.Measured(
        ratios=ratios,
        rows_checked=int(after.size),
        conditions={
            "cards": cards,
            "listed": int(listed.size),
            "changes": added.size + removed.size,
        },
        figures={"bytes": len(signed), "ratio_to_known_base": round(sorted(known)[rounds // 2], 3)},
        faults=faults,
    )


def _changes(listed, cards, seed):
    random = np.random.default_rng(1000 + seed)
    removed = np.sort(random.choice(listed, numbers.REMOVED, replace=False))
    drawn = np.unique(random.integers(0, cards, 2 * numbers.ADDED, dtype=np.uint64))
    fresh = np.setdiff1d(drawn, listed, assume_unique=True)
    added = np.sort(random.choice(fresh, numbers.ADDED, replace=False))
    after = np.union1d(np.setdiff1d(listed, removed, assume_unique=True), added)
    return removed, added, after


def _faults(listed, signed, after):
    held = HeldBlacklist.holding(issuer=files.ISSUER, version=1, numbers=listed)
    held.apply(files.BlacklistFile.open(signed, public_key=files.KEY.public))
    same = files.rice.numbers_of(iter(held)) if len(held) == after.size else after[:0]
    if same.size != after.size or (same != after).any():
        return ["The delta does not lead a reader to the issuer's numbers."]
    return []
