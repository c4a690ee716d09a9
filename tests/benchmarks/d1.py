"""D1: how large a full blacklist is, against what no exact code can go below."""

from tests.benchmarks import contract, files, numbers

WHAT = "signed full list of 10 million in 100 million cards, bits / log2 C(N, n)"
GOAL = contract.Goal(goal=1.03, required=1.03, higher_is_better=False)


def run(*, rounds, short):
    """Measure the file of the shared set, and decode all of it as it was signed."""
    drawn = numbers.drawn(short=short)
    signed = files.full(drawn.listed)
    opened = files.BlacklistFile.open(signed, public_key=files.KEY.public)
    wrong = drawn.wrong_in(files.rice.numbers_of(files.rice.decode(opened.additions)))
    return contract.Measured(
        ratios=[8 * len(signed) / drawn.bound_bits],
        rows_checked=drawn.listed.size,
        conditions=drawn.conditions(),
        figures={"bytes": len(signed)},
        faults=[f"The file is wrong about {wrong} cards."] if wrong else [],
    )
