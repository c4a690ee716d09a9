"""E1: the best of 20 benefits, against OR-tools' CP-SAT on the same instances.

Both must find the same value, CP-SAT proven. Its clock runs while it solves, one worker, the model
built before; ours from the benefits to the finished quote, and it breaks ties besides.
"""

import statistics

from tests.benchmarks import combinations, contract, solver
from tests.benefits import instances

WHAT = "the best of 20 benefits with every rule / CP-SAT with one worker, solving alone, time"
GOAL = contract.Goal(goal=1 / 30, required=1 / 10, higher_is_better=False)
SIZE, COUNT, COUNT_SHORT = 20, 40, 4
SPREAD, SPREAD_SHORT = 100, 2
SIZES, SIZES_SHORT = (SIZE, 40, 60), (SIZE,)
LIMIT_S = 20


def run(*, rounds, short):
    """Alternate both over all instances; then the same with the adversarial ones, once."""
    count = COUNT_SHORT if short else COUNT
    drawn = combinations.drawn(instances.wallet, size=SIZE, count=count)
    models = [solver.Model(each) for each in drawn]
    measured = contract.alternate(
        rounds=rounds,
        ours=lambda: combinations.solved(drawn),
        peer=lambda: [model.solve(limit_s=LIMIT_S) for model in models],
    )
    (answers, ours_s), theirs = measured[-1]
    return contract.Measured(
        ratios=[sum(ours) / sum(seconds for seconds, _, _ in peer) for (_, ours), peer in measured],
        rows_checked=count,
        conditions=combinations.conditions(size=SIZE, count=count),
        figures={
            "ours": _half([1000 * each for each in ours_s]),
            "cp_sat": _half([1000 * seconds for seconds, _, _ in theirs]),
            **_adversarial(COUNT_SHORT if short else COUNT // 2),
            **_spreads(SPREAD_SHORT if short else SPREAD, SIZES_SHORT if short else SIZES),
        },
        faults=_differing(drawn, answers, theirs),
    )


def _half(milliseconds):
    return f"p50 {statistics.median(milliseconds):.3g} ms, max {max(milliseconds):.3g} ms"


def _differing(drawn, answers, theirs):
    return [
        f"seed {each['seed']}: {answer.quote.to_pay_minor} to pay, CP-SAT {value}"
        for each, answer, (_, value, proven) in zip(drawn, answers, theirs, strict=True)
        if answer.quote.to_pay_minor != value or not (answer.proven and proven)
    ]


def _dense(seed, *, count):
    return instances.mixed(seed, count=count, scoped=False)


def _adversarial(count):
    """Return the ratio of each adversarial family that CP-SAT's model can tell."""
    told = {}
    for family in (_dense, instances.thresholds, instances.tangle, instances.alike):
        drawn = combinations.drawn(family, size=SIZE, count=count)
        answers, ours = combinations.solved(drawn)
        theirs = [solver.Model(each).solve(limit_s=LIMIT_S) for each in drawn]
        ratio = sum(ours) / sum(seconds for seconds, _, _ in theirs)
        capped = sum(not answer.proven for answer in answers)
        other = sum(
            answer.quote.to_pay_minor != value
            for answer, (_, value, _) in zip(answers, theirs, strict=True)
        )
        told[f"{family.__name__.strip('_')}_{SIZE}"] = (
            f"ratio {ratio:.3g}, {other} of {count} of another value, {capped} at our cap"
        )
    return told


def _spreads(count, sizes):
    told = {}
    for size in sizes:
        told[f"wallet_alone_{size}"] = combinations.spread(instances.wallet, size=size, count=count)
        for family in combinations.ADVERSARIAL:
            told[f"{family.__name__}_alone_{size}"] = combinations.spread(
                family, size=size, count=count // 4 or 1
            )
    return told
