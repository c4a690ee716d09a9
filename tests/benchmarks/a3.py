"""A3: the whole posting, against COPY of the very rows it writes and its balance updates.

The floor is what cannot be saved: the same rows, byte for byte, into the same tables with the same
indexes and rules, and the positions moved, in one transaction, nothing judged and nothing read.
"""

import statistics

from settlement.services import ledger
from tests.benchmarks import books, floor
from tests.benchmarks.contract import Goal, Measured, alternate

WHAT = "posting verified records / COPY of all rows it writes and its balance updates, time shared"
GOAL = Goal(goal=0.7)


def run(*, rounds, short):
    """Post, alternated with the floor of another posting of the same size."""
    ours = books.opened(short=short)
    ours.post_joined()
    before = books.counts()
    measured = alternate(rounds=rounds, ours=ours.post_joined, peer=lambda: floor.copied(ours))
    grown = books.not_grown(
        before, records=2 * rounds * ours.joined, batches=2 * rounds * len(ours.tills)
    )
    return Measured(
        ratios=[copied_s / posted.posting_s for posted, copied_s in measured],
        rows_checked=sum(books.counts().values()),
        faults=[*ledger.check(), *grown],
        figures={
            "posting_s": round(statistics.median(each.posting_s for each, _ in measured), 3),
            "copy_s": round(statistics.median(copied for _, copied in measured), 3),
        },
        conditions=ours.conditions(),
    )
