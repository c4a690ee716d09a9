"""The best combination of what a customer holds, on one purchase, proven.

Best is, in this order: the least to pay with money (what remains, and gift cards, which are
tender); of those the fewest points spent; the least that remains; the fewest benefits; those that
expire first. Each benefit is used at its own most, in the order and by the rules of ``quote``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from benefits.rules.hand import Hand, dealt
from benefits.rules.quote import Quote, Run
from benefits.rules.search import Candidate, Found, Search
from benefits.rules.takings import Parts, parts_of, taken
from benefits.rules.vocabulary import TURN, Benefit, Kind, Purchase

MOST_NODES: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The quote of the best combination found; all else that is held stands in its skips.

    Where the search came to its cap it is not ``proven``: then it may be beaten, but no combination
    pays less than ``least_to_pay_minor``.
    """

    quote: Quote
    proven: bool
    least_to_pay_minor: int
    nodes: int


def best_for(*, purchase: Purchase, held: Iterable[Benefit], most_nodes: int = MOST_NODES) -> Best:
    """Return the best that ``held`` can do for ``purchase``; the same answer in whatever order.

    :param most_nodes: forks of the search, the pinned cap; from 1.
    :raises BenefitTwice: if a benefit stands twice among ``held``.
    """
    hand = dealt(purchase, held)
    found = _search(hand, most_nodes)
    return Best(
        quote=Run(hand, used=found.used | _receipts(hand)).through(),
        proven=found.proven,
        least_to_pay_minor=found.least_to_pay,
        nodes=found.nodes,
    )


def _search(hand: Hand, most_nodes: int) -> Found:
    """Search among those that would take anything if each were used alone: no other ever does."""
    parts = parts_of(hand.purchase)
    worths = [_worth(hand, turn, parts) for turn in range(len(hand.turns))]
    able = [turn for turn, worth in enumerate(worths) if worth]
    ranks = _ranks(hand)
    candidates = [
        Candidate(
            taker=hand.takers[turn],
            worth=worths[turn],
            min_purchase=hand.turns[turn].min_purchase_minor,
            bit=1 << turn,
            clashes=hand.clashes[turn],
            rank=ranks[turn],
        )
        for turn in able
    ]
    kinds = [TURN[hand.turns[turn].kind] for turn in able]
    ends = (
        sum(kind < TURN[Kind.POINTS] for kind in kinds),
        sum(kind < TURN[Kind.GIFT_CARD] for kind in kinds),
    )
    return Search(candidates, parts, ends=ends, most=most_nodes).run()


def _worth(hand: Hand, turn: int, parts: Parts) -> int:
    """Return what the benefit of a turn takes if it is used first and alone; 0 where it cannot."""
    benefit = hand.turns[turn]
    if hand.reasons[turn] is not None or benefit.kind is Kind.CASH_RECEIPT:
        return 0
    if benefit.min_purchase_minor > hand.purchase.amount_minor:
        return 0
    return taken(hand.takers[turn], parts)


def _receipts(hand: Hand) -> int:
    """Return the bits of cash receipts: no choice, for they take nothing."""
    return sum(1 << turn for turn, each in enumerate(hand.turns) if each.kind is Kind.CASH_RECEIPT)


def _ranks(hand: Hand) -> list[int]:
    """Return a bit for each, the highest for the one that expires first; among equals by turn."""
    turns, ranks = hand.turns, [0] * len(hand.turns)
    earliest_first = sorted(range(len(turns)), key=lambda turn: turns[turn].last_moment)
    for place, turn in enumerate(reversed(earliest_first)):
        ranks[turn] = 1 << place
    return ranks
