"""F3: from a sale's commit to the merchant's screen, in a real browser."""

from tests.benchmarks import watched
from tests.benchmarks.contract import Goal

WHAT = "p95 from an approval's commit to its row in the merchant's live list, seconds"
GOAL = Goal(goal=1, required=1, higher_is_better=False)
absent = watched.absent


def run(*, rounds, short):
    """Sell while a cashier's list is open, told of what is new by its socket."""
    return watched.measure("sockets", live=True, rounds=rounds, short=short)
