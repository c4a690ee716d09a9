"""A5: verifying and posting end to end, against bare ES256 verification in as many processes.

Ours is a worker as the portal runs it: it claims waiting batches, verifies and posts them, the next
ones while the database posts those before. One process, for two would share two cores with the
database, which the bare ones need not. The bare one verifies as many signatures, keys loaded and
everything taken apart beforehand. Certificates are known to both.
"""

import statistics

from settlement.services import ledger
from tests.benchmarks import books, workers
from tests.benchmarks.contract import Goal, Measured, alternate

WHAT = "verifying and posting, end to end / bare ES256 verification in as many processes"
GOAL = Goal(goal=0.6, required=0.4)
_PROCESSES = 1
_UPLOADS_EACH = 4  # of every reader: so many joined postings in a row


def run(*, rounds, short):
    """Let the workers post what waits, alternated with the bare verification of as much."""
    ours = books.opened(short=short)
    ours.post_joined()
    records = _UPLOADS_EACH * ours.joined
    before = books.counts()
    with workers.crew(_PROCESSES) as crew:
        measured = alternate(
            rounds=rounds,
            ours=lambda: records / _posted_s(ours, crew),
            peer=lambda: records / crew.verify(ours, records),
        )
    grown = books.not_grown(
        before, records=rounds * records, batches=rounds * _UPLOADS_EACH * len(ours.tills)
    )
    return Measured(
        ratios=[posted / verified for posted, verified in measured],
        rows_checked=sum(books.counts().values()),
        faults=[*ledger.check(), *grown],
        figures={
            "posted_per_s": round(statistics.median(posted for posted, _ in measured)),
            "verified_per_s": round(statistics.median(verified for _, verified in measured)),
        },
        conditions={"processes": _PROCESSES, **ours.conditions(), "records": records},
    )


def _posted_s(ours, crew):
    for _ in range(_UPLOADS_EACH):
        ours.upload()
    return crew.post()
