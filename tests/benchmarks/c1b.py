"""C1B: how long a terminal waits for its answer while somebody floods the server with garbage."""

import statistics
from time import monotonic

from tests.benchmarks import notified
from tests.benchmarks.contract import Goal, Measured

WHAT = "p99 of 200 status queries a second under 20,000 garbage datagrams a second, ms"
GOAL = Goal(goal=100, required=100, higher_is_better=False)
_PER_S, _GARBAGE_PER_S = 200, 20_000
_QUERIES, _QUERIES_SHORT = 2000, 100


def run(*, rounds, short):
    """Measure every round anew; what was lost on the way is told apart."""
    till = notified.Till(open_tids=100)
    count = _QUERIES_SHORT if short else _QUERIES
    with notified.server(till, per_s=1000) as served:
        address = served.address
        quiet = notified.delays(address, till, per_s=_PER_S, count=count // 4)
        with notified.garbage(address, till, per_s=_GARBAGE_PER_S) as sent:
            began_s, before_s = monotonic(), served.cpu_s()
            delays = [
                notified.delays(address, till, per_s=_PER_S, count=count) for _ in range(rounds)
            ]
            littered, took_s = sent.value, monotonic() - began_s
            cpu_s = served.cpu_s() - before_s
    answered = sum(map(len, delays))
    return Measured(
        ratios=[1000 * _p99(each) for each in delays],
        rows_checked=answered,
        faults=[] if answered else ["nothing was answered"],
        figures={
            "lost": rounds * count - answered,
            "p50_ms": round(1000 * statistics.median(delays[0]), 2),
            "p99_ms_without_garbage": round(1000 * _p99(quiet), 2),
            "garbage_per_s": round(littered / took_s),
            "processor_share": round(cpu_s / took_s, 2),
        },
        conditions={"queries": count, "per_s": _PER_S},
    )


def _p99(delays_s):
    return sorted(delays_s)[int(0.99 * (len(delays_s) - 1))]
