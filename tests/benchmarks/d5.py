"""D5: wrong answers: the whole list decoded, and a million single look-ups as readers make them."""

from random import Random

from issuers.wire.held import HeldBlacklist
from tests.benchmarks import contract, files, numbers

WHAT = "wrong answers of a reader: full decode compared, and 1 million look-ups"
GOAL = contract.Goal(goal=0, required=0, higher_is_better=False)
LOOK_UPS, LOOK_UPS_SHORT = 1_000_000, 20_000


def run(*, rounds, short):
    """Give a reader the signed file; half of its look-ups are numbers on the list."""
    listed, cards = numbers.listed(short=short)
    held = HeldBlacklist()
    held.apply(files.BlacklistFile.open(files.full(listed), public_key=files.KEY.public))
    decoded = files.rice.numbers_of(iter(held))
    wrong = int((decoded != listed).sum()) if decoded.size == listed.size else cards
    on_list = set(listed.tolist())
    asked = LOOK_UPS_SHORT if short else LOOK_UPS
    for number in _questions(listed, cards, asked):
        wrong += (number in held) != (number in on_list)
    return contract.Measured(
        ratios=[wrong],
        rows_checked=int(listed.size) + asked,
        conditions={"cards": cards, "listed": int(listed.size), "look_ups": asked},
        faults=[f"{wrong} answers were wrong."] if wrong else [],
    )


def _questions(listed, cards, asked):
    random = Random(numbers.SEED)
    for number in random.choices(listed, k=asked // 2):
        yield int(number)
    for _ in range(asked - asked // 2):
        yield random.randrange(cards)
