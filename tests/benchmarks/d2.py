"""D2: what a reader keeps in memory to look numbers up, against the same bound as D1."""

from issuers.wire import skips
from tests.benchmarks import contract, numbers

WHAT = "list in a reader's memory with its skip index, bits / log2 C(N, n)"
GOAL = contract.Goal(goal=1.10, required=1.10, higher_is_better=False)


def run(*, rounds, short):
    """Measure one list per round; every stretch's first and last number is looked up."""
    ratios, checked, faults = [], 0, []
    for seed in range(rounds):
        listed, cards = numbers.listed(short=short, seed=seed)
        kept = skips.index(listed)
        ratios.append(8 * kept.size_bytes / numbers.bound_bits(of=cards, count=listed.size))
        edges = [
            *listed[:: skips.STRETCH].tolist(),
            *listed[skips.STRETCH - 1 :: skips.STRETCH].tolist(),
        ]
        missing = sum(number not in kept for number in edges)
        checked += len(edges)
        if missing:
            faults.append(f"{missing} numbers at the edges of stretches are not found.")
        numbers.listed.cache_clear()
    return contract.Measured(
        ratios=ratios,
        rows_checked=checked,
        conditions={"cards": cards, "listed": int(listed.size), "stretch": skips.STRETCH},
        figures={"bytes": kept.size_bytes},
        faults=faults,
    )
