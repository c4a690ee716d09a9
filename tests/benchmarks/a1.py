"""A1: posting verified offline records, against django-hordak's two-leg transfers."""

import statistics

from settlement.services import ledger
from tests.benchmarks import books, peer
from tests.benchmarks.contract import Goal, Measured, alternate

WHAT = "posting verified offline records / two-leg transfers of django-hordak, payments a second"
GOAL = Goal(goal=50, required=25)
_PEER, _PEER_SHORT = 1000, 20


def run(*, rounds, short):
    """Post joined uploads of many readers, alternated with the peer's transfers one by one."""
    ours, theirs = books.opened(short=short), peer.Peer()
    transfers = _PEER_SHORT if short else _PEER
    ours.post_joined()
    theirs.post(transfers)
    before = books.counts()
    measured = alternate(rounds=rounds, ours=ours.post_joined, peer=lambda: theirs.post(transfers))
    grown = books.not_grown(before, records=rounds * ours.joined, batches=rounds * len(ours.tills))
    return Measured(
        ratios=[posted.records_per_s / peers for posted, peers in measured],
        rows_checked=sum(books.counts().values()),
        faults=[*ledger.check(), *grown, *theirs.faults()],
        figures={
            "posted_per_s": round(statistics.median(each.records_per_s for each, _ in measured)),
            "peer_per_s": round(statistics.median(peers for _, peers in measured)),
        },
        conditions={"peer": peer.NAME, "peer_transfers": transfers, **ours.conditions()},
    )
