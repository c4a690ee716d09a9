"""A quote: what each benefit takes of one purchase, in the order of protocol §6, and what is left.

The lines of a quote are the purchase less the remainder, always; a line is never more than what
the lines before left, and benefits come in the same order however they were handed over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from benefits.rules.clashes import bits_of
from benefits.rules.conditions import Reason
from benefits.rules.hand import Hand, dealt
from benefits.rules.takings import Parts, Taker, base_of, left_after, parts_of, taken
from benefits.rules.vocabulary import BALANCES, Benefit, Kind, Purchase

type Facts = Mapping[str, int | str]


class Ground(StrEnum):
    """Why a line is as high as it is."""

    PERCENT = "percent"
    AMOUNT = "amount"
    SPENT = "spent"  # all that there is of a balance
    CAPPED = "capped"  # its own cap, or what the customer wanted to use at most
    CUT_TO_NEED = "cut_to_need"  # no more was left
    ATTACHED = "attached"


class Why(NamedTuple):
    """A stable code, and the figures a page makes its sentence from."""

    code: Ground | Reason
    facts: Facts


class Line(NamedTuple):
    """What one benefit takes; 0 for what is attached only."""

    benefit: Benefit
    amount_minor: int
    why: Why


class Skipped(NamedTuple):
    """A benefit that takes nothing here."""

    benefit: Benefit
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a purchase costs with some benefits; lines and skips stand in the order of turns."""

    purchase: Purchase
    lines: tuple[Line, ...]
    skipped: tuple[Skipped, ...]
    remainder_minor: int

    @property
    def savings_minor(self) -> int:
        """Return what all benefits take together: the purchase less the remainder."""
        return self.purchase.amount_minor - self.remainder_minor

    @property
    def to_pay_minor(self) -> int:
        """Return what is paid with money: the remainder, and gift cards, which are tender."""
        gifts = (line for line in self.lines if line.benefit.kind is Kind.GIFT_CARD)
        return self.remainder_minor + sum(line.amount_minor for line in gifts)


def quote(*, purchase: Purchase, benefits: Iterable[Benefit]) -> Quote:
    """Return what ``benefits`` are worth on ``purchase``; of two that clash the first one counts.

    :raises BenefitTwice: if a benefit stands twice among them.
    """
    return Run(dealt(purchase, benefits)).through()


class Run:
    """One way through the turns of a hand; ``used``: the bits of those to use, None for all.

    Where some are not to be used, they stand aside for all that are, also for later ones.
    """

    def __init__(self, hand: Hand, *, used: int | None = None) -> None:
        self._hand = hand
        self._used = used
        self._counting = used or 0  # the bits of those that another one may clash with
        self._left: Parts = parts_of(hand.purchase)
        self._lines: list[Line] = []
        self._skipped: list[Skipped] = []

    def through(self) -> Quote:
        """Return the quote after every one's turn."""
        for turn, (benefit, taker) in enumerate(
            zip(self._hand.turns, self._hand.takers, strict=True)
        ):
            amount = taken(taker, self._left)
            against = self._against(turn, benefit, amount)
            if against is None:
                self._take(turn, benefit, taker, amount)
            else:
                self._skipped.append(Skipped(benefit, against))
        return Quote(
            purchase=self._hand.purchase,
            lines=tuple(self._lines),
            skipped=tuple(self._skipped),
            remainder_minor=sum(self._left),
        )

    def _take(self, turn: int, benefit: Benefit, taker: Taker, amount: int) -> None:
        self._lines.append(Line(benefit, amount, _ground(benefit, taker, self._left, amount)))
        if amount:
            self._left = left_after(taker, self._left, amount)
        self._counting |= 1 << turn

    def _against(self, turn: int, benefit: Benefit, amount: int) -> Why | None:
        """Return why the benefit of a turn takes nothing, if so."""
        reason = self._hand.reasons[turn]
        if reason is not None and reason is not Reason.CARD_REQUIRED:
            return Why(reason, {})
        if benefit.kind is Kind.CASH_RECEIPT:
            return self._against_receipt()
        stopped = self._clashing(turn) or self._nothing(turn, benefit, amount)
        if reason is not None:
            return Why(reason, {"amount_minor": 0 if stopped else amount})
        if stopped is None and self._used is not None and not self._used >> turn & 1:
            return Why(Reason.BETTER_WITHOUT, {})
        return stopped

    def _against_receipt(self) -> Why | None:
        if any(line.benefit.kind is Kind.CASH_RECEIPT for line in self._lines):
            return Why(Reason.RECEIPT_ATTACHED, {})
        return None if sum(self._left) else Why(Reason.NOTHING_LEFT, {})

    def _clashing(self, turn: int) -> Why | None:
        """Return the first of those that count which the benefit of a turn clashes with."""
        turns = self._hand.turns
        for at in bits_of(self._hand.clashes[turn] & self._counting):
            one, other = turns[turn], turns[at]
            same = one.stack_group != "" and one.stack_group == other.stack_group
            reason = Reason.STACK_GROUP if same else Reason.EXCLUDED
            return Why(reason, {"with": other.benefit})
        return None

    def _nothing(self, turn: int, benefit: Benefit, amount: int) -> Why | None:
        """Return why nothing comes of ``benefit`` by its figures alone."""
        left = sum(self._left)
        if left < benefit.min_purchase_minor:
            return Why(
                Reason.BELOW_MINIMUM,
                {"left_minor": left, "min_purchase_minor": benefit.min_purchase_minor},
            )
        if amount:
            return None
        if base_of(self._hand.takers[turn], self._left) == 0:
            return Why(Reason.NOTHING_LEFT, {})
        if benefit.kind in BALANCES:
            least = max(benefit.min_spend_minor, benefit.step_minor)
            return Why(Reason.BELOW_LEAST, {"least_minor": least})
        return Why(Reason.ROUNDS_TO_ZERO, {})


def _ground(benefit: Benefit, taker: Taker, left: Parts, amount: int) -> Why:
    if benefit.kind is Kind.CASH_RECEIPT:
        return Why(Ground.ATTACHED, {"base_minor": sum(left)})
    facts: dict[str, int | str] = {"base_minor": base_of(taker, left)}
    for name in ("percent_bps", "amount_minor", "cap_minor"):
        if (value := getattr(benefit, name)) is not None:
            facts[name] = value
    return Why(_code(benefit, taker, left, amount), facts)


def _code(benefit: Benefit, taker: Taker, left: Parts, amount: int) -> Ground:
    if benefit.cap_minor is not None:
        uncapped = taken(taker._replace(most=_uncapped(benefit, left)), left)
        if amount < uncapped:
            return Ground.CAPPED
    if benefit.percent_bps is not None:
        return Ground.PERCENT
    if not benefit.by_unit and amount < (benefit.amount_minor or 0):
        return Ground.CUT_TO_NEED
    return Ground.SPENT if benefit.kind in BALANCES else Ground.AMOUNT


def _uncapped(benefit: Benefit, left: Parts) -> int:
    if benefit.by_unit or benefit.amount_minor is None:
        return sum(left)
    return benefit.amount_minor
