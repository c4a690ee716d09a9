"""B3: approving by T-ID, without HTTP, against a plain posting with Django's ORM."""

import statistics
from time import perf_counter

from django.utils import timezone

from tests.benchmarks.claims import AMOUNT, Claims
from tests.benchmarks.contract import Goal, Measured, alternate
from tests.benchmarks.plain import models as plain

WHAT = "approvals by T-ID / two-leg postings of plain Django with row locks, a second, one client"
GOAL = Goal(goal=3, required=1)
_COUNT, _SHORT = 400, 20


def run(*, rounds, short):
    """Approve what phones have claimed, alternated with the peer's postings."""
    count = _SHORT if short else _COUNT
    claims = Claims(tills=4, payers=20)
    claims.approve(claims.ready(20))
    accounts = [plain.PlainAccount.objects.create().pk for _ in range(20)]

    def ours():
        return claims.approve(claims.ready(count))

    def peer():
        at, begun = timezone.now(), perf_counter()
        for number in range(count):
            debit, credit = accounts[number % 10], accounts[10 + number % 10]
            plain.post(debit=debit, credit=credit, amount=AMOUNT, at=at)
        return count / (perf_counter() - begun)

    measured = alternate(rounds=rounds, ours=ours, peer=peer)
    entries = plain.PlainEntry.objects.count()
    wrong = [] if entries == 2 * rounds * count else [f"the peer holds {entries} entries"]
    return Measured(
        ratios=[mine / theirs for mine, theirs in measured],
        rows_checked=claims.approved,
        faults=[*claims.faults(), *wrong],
        figures={
            "approved_per_s": round(statistics.median(mine for mine, _ in measured)),
            "peer_per_s": round(statistics.median(theirs for _, theirs in measured)),
        },
        conditions={"approvals": count, "tills": 4, "phones": 20, "clients": 1},
    )
