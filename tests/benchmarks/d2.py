"""D2: what a reader keeps in memory to look numbers up, against the same bound as D1."""

import numpy as np

from issuers.wire import skips
from tests.benchmarks import contract, numbers

WHAT = "list in a reader's memory with its skip index, bits / log2 C(N, n)"
GOAL = contract.Goal(goal=1.10, required=1.10, higher_is_better=False)


def run(*, rounds, short):
    """Measure the shared set; every stretch's first and last number and their neighbours are
    looked up."""
    drawn = numbers.drawn(short=short)
    kept = skips.index(drawn.listed)
    asked = _edges(drawn)
    wrong = sum(
        (number in kept) != listed
        for number, listed in zip(asked.tolist(), drawn.marks[asked].tolist(), strict=True)
    )
    return contract.Measured(
        ratios=[8 * kept.size_bytes / drawn.bound_bits],
        rows_checked=asked.size,
        conditions={**drawn.conditions(), "stretch": skips.STRETCH},
        figures={"bytes": kept.size_bytes},
        faults=[f"{wrong} answers at the edges of stretches are wrong."] if wrong else [],
    )


def _edges(drawn):
    first = drawn.listed[:: skips.STRETCH].astype(np.int64)
    last = drawn.listed[skips.STRETCH - 1 :: skips.STRETCH].astype(np.int64)
    asked = np.concatenate([first - 1, first, last, last + 1, drawn.listed[-1:].astype(np.int64)])
    return asked[(asked >= 0) & (asked < drawn.cards)]
