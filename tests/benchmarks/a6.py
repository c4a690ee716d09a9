"""A6: a batch sent again, against a fresh one: from the upload until its result is known."""

import statistics
from time import perf_counter

from settlement.services import batches, ledger
from tests.benchmarks import books, people
from tests.benchmarks.contract import Goal, Measured

WHAT = "a replayed batch / a fresh one, from the upload until its result is known"
GOAL = Goal(goal=2, required=2)


def run(*, rounds, short):
    """Send a batch, and its very bytes again; each pair is one round."""
    ours = books.opened(short=short)
    ours.post_joined()
    till, faults, taken, rows = ours.tills[0], [], [], 0
    for _ in range(rounds):
        content = till.batch(*[ours.sale(till) for _ in range(ours.records)])
        fresh_s, first = _sent(till, content)
        before = books.counts()
        again_s, second = _sent(till, content)
        rows += sum(before.values())
        taken.append((fresh_s, again_s))
        if books.counts() != before:
            faults.append(f"the replay added rows: {before} became {books.counts()}")
        if first != second or {each["state"] for each in first.results} != {"POSTED"}:
            faults.append("the two answers differ, or not all records posted")
    return Measured(
        ratios=[fresh_s / again_s for fresh_s, again_s in taken],
        rows_checked=rows,
        faults=[*faults, *ledger.check()],
        figures={
            "fresh_s": round(statistics.median(fresh_s for fresh_s, _ in taken), 4),
            "replay_s": round(statistics.median(again_s for _, again_s in taken), 4),
        },
        conditions=ours.conditions() | {"batch_records": ours.records},
    )


def _sent(till, content):
    """Upload ``content``, post what waits, and ask for its result."""
    begun = perf_counter()
    sequence = till.send(content).sequence
    batches.post_waiting(limit=20, at=people.START)
    result = batches.result_of(device=till.device, sequence=sequence)
    return perf_counter() - begun, result
