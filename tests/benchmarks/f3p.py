"""F3P: the same where no socket can be opened, so that the list asks by itself."""

from tests.benchmarks import watched
from tests.benchmarks.contract import Goal

WHAT = "p95 from an approval's commit to its row in the list, seconds, without sockets"
GOAL = Goal(goal=4, required=4, higher_is_better=False)
absent = watched.absent


def run(*, rounds, short):
    """Sell while a cashier's list is open that finds no socket server."""
    return watched.measure(live=False, rounds=rounds, short=short)
