"""C1: authenticated status queries, against a bare Python echo that also computes the two MACs.

The echo uses ``hmac.digest``. One with the server's own prepared MAC is told beside it.
"""

import statistics

from merchants.wire.datagram import Mac
from tests.benchmarks import notified
from tests.benchmarks.contract import Goal, Measured, alternate

WHAT = "authenticated status queries / a bare Python echo with two MACs, datagrams a second"
GOAL = Goal(goal=0.9, required=0.8)
_OPEN, _OPEN_SHORT = 10_000, 100
_QUERIES, _QUERIES_SHORT = 100_000, 500
_CHECKED_EVERY = 50


def run(*, rounds, short):
    """Ask both in turn, 64 queries outstanding; a share of the answers is read."""
    till = notified.Till(open_tids=_OPEN_SHORT if short else _OPEN)
    count = _QUERIES_SHORT if short else _QUERIES
    with (
        notified.server(till) as ours,
        notified.echo(till) as peer,
        notified.echo(till, mac=Mac(till.secret).of) as prepared,
    ):
        for served in (ours, peer, prepared):
            notified.rate(served, till.queries(count // 10))
        measured = alternate(
            rounds=rounds,
            ours=lambda: notified.rate(ours, till.queries(count)),
            peer=lambda: notified.rate(peer, till.queries(count)),
        )
        quick = [notified.rate(prepared, till.queries(count)) for _ in range(rounds)]
    checked = [answer for own, _ in measured for answer in own.answers[::_CHECKED_EVERY]]
    wrong = sum(not till.is_right(answer) for answer in checked)
    bytes_out = sum(len(answer) for own, _ in measured for answer in own.answers)
    return Measured(
        ratios=[own.per_s / theirs.per_s for own, theirs in measured],
        rows_checked=len(checked),
        faults=[
            *([f"{wrong} answers were wrong"] if wrong else []),
            *(["more bytes came out than went in"] if bytes_out > 128 * count * rounds else []),
        ],
        figures={
            "queries_per_s": round(statistics.median(own.per_s for own, _ in measured)),
            "echo_per_s": round(statistics.median(theirs.per_s for _, theirs in measured)),
            "cpu_us_each": round(statistics.median(own.cpu_us for own, _ in measured), 1),
            "echo_cpu_us_each": round(statistics.median(peer.cpu_us for _, peer in measured), 1),
            "prepared_echo_cpu_us_each": round(statistics.median(each.cpu_us for each in quick), 1),
            "lost": sum(own.lost for own, _ in measured),
        },
        conditions={
            "open_tids": len(till.tids),
            "queries": count,
            "outstanding": notified.OUTSTANDING,
        },
    )
