"""``python -m tests.benefits.compare --instances N``: the engine against the brute force.

Prints one JSON object; the exit status is 1 when an answer differs.
"""

import argparse
import json
from collections.abc import Iterator

from benefits.rules.best import best_for
from benefits.rules.vocabulary import Kind
from tests.benefits import brute_force, built, instances

FAMILIES = (
    *(instances.mixed, instances.mixed, instances.shares),
    *(instances.thresholds, instances.tangle, instances.alike),
)
FEWEST, MOST = 2, 14
FEWEST_OF = {instances.thresholds: 4}


def drawn(count: int, *, first: int = 0) -> Iterator[dict]:
    """Yield ``count`` instances of 2 to 14 benefits, of every family in turn."""
    for seed in range(first, first + count):
        family = FAMILIES[seed % len(FAMILIES)]
        fewest = FEWEST_OF.get(family, FEWEST)
        size = fewest + seed // len(FAMILIES) % (MOST - fewest + 1)
        yield {"family": family.__name__, **family(seed, count=size)}


def answered(instance):
    """Return the engine's figures as the brute force tells its own, with the names used."""
    purchase = built.purchase(instance["purchase"])
    best = best_for(purchase=purchase, held=built.benefits(instance))
    lines = best.quote.lines
    points = sum(line.amount_minor for line in lines if line.benefit.kind is Kind.POINTS)
    paid = best.quote.to_pay_minor
    assert best.proven
    assert best.least_to_pay_minor == paid
    figures = (paid, paid + points, best.quote.remainder_minor, len(lines))
    return figures, frozenset(line.benefit.benefit for line in lines)


def mismatches(count, *, first=0):
    """Return family and seed of each instance on which the two differ, in value or in choice."""
    return [
        (each["family"], each["seed"])
        for each in drawn(count, first=first)
        if answered(each) != brute_force.best(each)
    ]


def main():
    """Compare as many as asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="tests.benefits.compare")
    parser.add_argument("--instances", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    wrong = mismatches(options.instances, first=options.first)
    print(json.dumps({"instances": options.instances, "mismatches": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
