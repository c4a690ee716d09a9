"""D5: wrong answers: the whole list decoded, and a million single look-ups as readers make them."""

from time import perf_counter

import numpy as np

from issuers.wire.held import HeldBlacklist
from tests.benchmarks import contract, files, numbers

WHAT = "wrong answers of a reader: full decode compared, and 1 million look-ups"
GOAL = contract.Goal(goal=0, required=0, higher_is_better=False)
LOOK_UPS, LOOK_UPS_SHORT = 1_000_000, 20_000


def run(*, rounds, short):
    """Give a reader the signed file; half of its look-ups are numbers on the list."""
    drawn = numbers.drawn(short=short)
    held = HeldBlacklist()
    held.apply(files.BlacklistFile.open(files.full(drawn.listed), public_key=files.KEY.public))
    wrong = drawn.wrong_in(files.rice.numbers_of(iter(held)))
    asked = _questions(drawn, LOOK_UPS_SHORT if short else LOOK_UPS)
    begun = perf_counter()
    answers = np.fromiter((number in held for number in asked.tolist()), bool, asked.size)
    taken = perf_counter() - begun
    wrong += int((answers != drawn.marks[asked]).sum())
    return contract.Measured(
        ratios=[wrong],
        rows_checked=drawn.listed.size + asked.size,
        conditions={**drawn.conditions(), "look_ups": asked.size},
        figures={"look_up_us": round(1e6 * taken / asked.size, 1)},
        faults=[f"{wrong} answers were wrong."] if wrong else [],
    )


def _questions(drawn, count):
    random = np.random.default_rng(numbers.SEED)
    half = count // 2
    listed = drawn.listed[random.integers(0, drawn.listed.size, half)].astype(np.int64)
    return np.concatenate([listed, random.integers(0, drawn.cards, count - half)])
