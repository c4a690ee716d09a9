"""The instances of the E benchmarks, the engine on them, and how long its answers take."""

import statistics
from time import perf_counter

from benefits.rules.best import MOST_NODES, best_for
from tests.benefits import built, instances

SEED = 50_000  # not those that the tests compare
ADVERSARIAL = (
    instances.mixed,
    instances.shares,
    instances.thresholds,
    instances.tangle,
    instances.alike,
)


def drawn(family, *, size, count, **options):
    """Return ``count`` instances of ``size`` benefits each."""
    return [family(SEED + number, count=size, **options) for number in range(count)]


def solved(drawn_instances):
    """Return the engine's answers and the seconds each took, quote and reasons included."""
    answers, taken_s = [], []
    for each in drawn_instances:
        purchase, held = built.purchase(each["purchase"]), built.benefits(each)
        begun = perf_counter()
        answers.append(best_for(purchase=purchase, held=held))
        taken_s.append(perf_counter() - begun)
    return answers, taken_s


def spread(family, *, size, count, **options):
    """Return in words how long answers take: half and all but one in a hundred, milliseconds."""
    answers, taken_s = solved(drawn(family, size=size, count=count, **options))
    half, most = statistics.median(taken_s), percentile(taken_s, 99)
    capped = sum(not answer.proven for answer in answers)
    return f"p50 {1000 * half:.3g} ms, p99 {1000 * most:.3g} ms, {capped} of {count} at the cap"


def percentile(values, part):
    """Return the value that all but ``100 - part`` in a hundred are not above."""
    return sorted(values)[max(0, -(-part * len(values) // 100) - 1)]


def conditions(*, size, count):
    """Return the sizes, for the conditions of a benchmark."""
    return {"benefits": size, "instances": count, "most_nodes": MOST_NODES}
