"""E2: the best of 20 benefits, against an incremental brute force that shares no rule with it.

It walks to every one of the 2^20 combinations, each a step from the one before. Beside the ratio
stands the one against the same that leaves out all combinations with two in them that clash.
"""

from time import perf_counter

from tests.benchmarks import combinations, contract
from tests.benefits import brute_force, compare, instances

WHAT = "the best of 20 benefits with every rule / trying all 2^20 combinations, time"
GOAL = contract.Goal(goal=1 / 1000, required=1 / 500, higher_is_better=False)
SIZE, SIZE_SHORT = 20, 10
COUNT = 2


def run(*, rounds, short):
    """Alternate both over new instances each round; every answer is compared, choice included."""
    size = SIZE_SHORT if short else SIZE
    drawn = combinations.drawn(instances.wallet, size=size, count=COUNT * rounds)
    by_round = [drawn[COUNT * at : COUNT * (at + 1)] for at in range(rounds)]
    mine, theirs = iter(by_round), iter(by_round)
    measured = contract.alternate(
        rounds=rounds,
        ours=lambda: sum(combinations.solved(next(mine))[1]),
        peer=lambda: _tried(next(theirs), every=True),
    )
    leaving_out_s, _ = _tried(drawn, every=False)
    ours_s = sum(ours for ours, _ in measured)
    tried = [found for _, (_, answers) in measured for found in answers]
    return contract.Measured(
        ratios=[ours / peer_s for ours, (peer_s, _) in measured],
        rows_checked=len(drawn),
        conditions=combinations.conditions(size=size, count=len(drawn)),
        figures={
            "ours_ms": round(1000 * ours_s / len(drawn), 2),
            "all_s": round(sum(peer_s for _, (peer_s, _) in measured) / len(drawn), 2),
            "leaving_out_s": round(leaving_out_s / len(drawn), 3),
            "ratio_leaving_out": float(f"{ours_s / leaving_out_s:.3g}"),
        },
        faults=[
            f"seed {each['seed']}: {compare.answered(each)} and {found}"
            for each, found in zip(drawn, tried, strict=True)
            if compare.answered(each) != found
        ],
    )


def _tried(drawn, *, every):
    begun = perf_counter()
    answers = [brute_force.best(each, every=every) for each in drawn]
    return perf_counter() - begun, answers
