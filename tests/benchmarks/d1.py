"""D1: how large a full blacklist is, against what no exact code can go below."""

from tests.benchmarks import contract, files, numbers

WHAT = "signed full list of 10 million in 100 million cards, bits / log2 C(N, n)"
GOAL = contract.Goal(goal=1.03, required=1.03, higher_is_better=False)


def run(*, rounds, short):
    """Measure one list per round, each of other numbers."""
    ratios, checked, faults = [], 0, []
    for seed in range(rounds):
        listed, cards = numbers.listed(short=short, seed=seed)
        signed = files.full(listed)
        ratios.append(8 * len(signed) / numbers.bound_bits(of=cards, count=listed.size))
        opened = files.BlacklistFile.open(signed, public_key=files.KEY.public)
        decoded = files.rice.numbers_of(files.rice.decode(opened.additions))
        checked += listed.size
        if not (decoded == listed).all():
            faults.append(f"The list of seed {seed} does not decode to its numbers.")
        numbers.listed.cache_clear()
    return contract.Measured(
        ratios=ratios,
        rows_checked=checked,
        conditions={"cards": cards, "listed": int(listed.size), "seeds": rounds},
        figures={"bytes": len(signed)},
        faults=faults,
    )
