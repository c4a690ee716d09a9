"""Which benefits do not go together: of one stack group, one grade twice, or one excludes the
other."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from benefits.rules.vocabulary import Benefit, Kind


def clashes_of(benefits: Sequence[Benefit]) -> list[int]:
    """Return for each benefit the bits of those it does not go together with; bit n is the nth.

    A cash receipt takes nothing, and clashes with nothing.
    """
    named = _named(benefits)
    clashes = [0] * len(benefits)
    for at, benefit in enumerate(benefits):
        if benefit.kind is Kind.CASH_RECEIPT:
            continue
        excluded = _excluded(benefit, named) & ~(1 << at)
        clashes[at] |= excluded
        for other in bits_of(excluded):
            clashes[other] |= 1 << at
    return clashes


def bits_of(mask: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set, the lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


type _Named = dict[tuple[str, str], int]


def _named(benefits: Sequence[Benefit]) -> _Named:
    named: _Named = defaultdict(int)
    for at, benefit in enumerate(benefits):
        if benefit.kind is Kind.CASH_RECEIPT:
            continue
        named["definition", benefit.definition] |= 1 << at
        named["kind", benefit.kind] |= 1 << at
        if benefit.stack_group:
            named["group", benefit.stack_group] |= 1 << at
    return named


def _excluded(benefit: Benefit, named: _Named) -> int:
    no = benefit.excludes
    excluded = named.get(("group", benefit.stack_group), 0) if benefit.stack_group else 0
    if benefit.kind is Kind.GRADE:  # who was given a grade again is of that grade once
        excluded |= named["definition", benefit.definition]
    for what, names in (("definition", no.definitions), ("group", no.groups), ("kind", no.kinds)):
        for name in names:
            excluded |= named.get((what, name), 0)
    return excluded
