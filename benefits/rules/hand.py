"""A customer's benefits as they meet one purchase: in turn, what each takes, and which clash."""

from collections.abc import Iterable
from typing import NamedTuple

from benefits.rules.clashes import clashes_of
from benefits.rules.conditions import Reason, reason_against
from benefits.rules.takings import Taker, taker_of
from benefits.rules.vocabulary import Benefit, Purchase, in_turn
from config.refusals import Refused


class BenefitTwice(Refused):
    """One benefit stands twice among those to be used."""

    code = "benefit_twice"
    title = "A benefit is named twice"


class Hand(NamedTuple):
    """Benefits in turn; what stands at n in each list, and bit n of a mask, is the nth turn's."""

    purchase: Purchase
    turns: list[Benefit]
    takers: list[Taker]
    reasons: list[Reason | None]  # against each, whatever else is used
    clashes: list[int]


def dealt(purchase: Purchase, benefits: Iterable[Benefit]) -> Hand:
    """Return ``benefits`` as they meet ``purchase``, in whatever order they come.

    :raises BenefitTwice: if a benefit stands twice among them.
    """
    turns = in_turn(benefits)
    if len({each.benefit for each in turns}) < len(turns):
        raise BenefitTwice
    return Hand(
        purchase=purchase,
        turns=turns,
        takers=[taker_of(each, purchase) for each in turns],
        reasons=[reason_against(each, purchase) for each in turns],
        clashes=clashes_of(turns),
    )
