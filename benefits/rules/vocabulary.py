"""The words of benefits: a purchase and its items, and a benefit with its conditions.

Pure and immutable. Amounts are minor units of one currency, rates hundredths of a percent, times
aware datetimes, half-open; limits are inclusive (protocol §1).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Final

from config.refusals import Refused

WHOLE_BPS: Final = 10_000


class PurchaseMalformed(Refused):
    """Items that do not fit the amount, or amounts that are none."""

    code = "purchase_malformed"
    title = "The items do not fit the amount"


class BenefitMalformed(Refused):
    """A benefit worth neither an amount nor a share, or both, or less than nothing."""

    code = "benefit_malformed"
    title = "This is not a benefit"


class Kind(StrEnum):
    """What a benefit is (protocol §6), in the order in which benefits apply."""

    COUPON_ITEM = "COUPON_ITEM"
    COUPON_PERCENT = "COUPON_PERCENT"
    COUPON_FIXED = "COUPON_FIXED"
    GRADE = "GRADE"
    CARD_DISCOUNT = "CARD_DISCOUNT"
    STAMP = "STAMP"
    POINTS = "POINTS"
    GIFT_CARD = "GIFT_CARD"
    CASH_RECEIPT = "CASH_RECEIPT"  # attached: an identifier, no money


TURN: Final = {kind: turn for turn, kind in enumerate(Kind)}
NEVER: Final = datetime.max.replace(tzinfo=UTC)
BALANCES: Final = frozenset({Kind.POINTS, Kind.GIFT_CARD})  # what is not needed stays with them


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One article of a purchase; ``amount_minor`` is for all of its ``quantity`` together."""

    sku: str
    amount_minor: int
    quantity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The card behind the payment number: whose it is, and of which product."""

    issuer: str
    programme: str


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """What is bought, where and when.

    ``items`` may name a part of ``amount_minor`` only; the rest belongs to no set of items.
    ``card`` is None as long as no payment number says which one pays.

    :raises PurchaseMalformed: if the items come to more than the amount, or one is less than 1.
    """

    amount_minor: int
    currency: str
    merchant: str
    store: str
    at: datetime
    items: tuple[Item, ...] = ()
    card: Card | None = None

    def __post_init__(self) -> None:
        counts = (
            self.amount_minor,
            *(min(each.amount_minor, each.quantity) for each in self.items),
        )
        if min(counts) < 1:
            raise PurchaseMalformed("Amounts and quantities are at least 1.")
        if sum(each.amount_minor for each in self.items) > self.amount_minor:
            raise PurchaseMalformed("The items come to more than the amount.")

    @cached_property
    def articles(self) -> tuple[Item, ...]:
        """Return its items with each sku once, by sku: the till's order changes no quote."""
        sums: dict[str, tuple[int, int]] = {}
        for item in self.items:
            amount, quantity = sums.get(item.sku, (0, 0))
            sums[item.sku] = (amount + item.amount_minor, quantity + item.quantity)
        return tuple(
            Item(sku=sku, amount_minor=amount, quantity=quantity)
            for sku, (amount, quantity) in sorted(sums.items())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a benefit counts and for which items; an empty set is no condition."""

    merchants: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    skus: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusions:
    """What a benefit does not go together with, whichever of the two says so."""

    definitions: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()


NOTHING_EXCLUDED: Final = Exclusions()
EVERYWHERE: Final = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """One benefit as one customer holds it, and the conditions of its definition.

    Worth ``percent_bps`` of what is left of its items, or ``amount_minor``: by unit for each of
    them, of POINTS and GIFT_CARD the balance. A CASH_RECEIPT is worth neither.

    :raises BenefitMalformed: if it is worth neither or both, a share above the whole, or a limit is
        below what it counts from.
    """

    benefit: str  # the holding, unique among a customer's
    definition: str
    kind: Kind
    currency: str
    sponsor: str = ""
    percent_bps: int | None = None
    amount_minor: int | None = None
    scope: Scope = EVERYWHERE
    starts_at: datetime | None = None
    ends_at: datetime | None = None  # of points: when the next of them expire
    min_purchase_minor: int = 0  # of the whole purchase, as the benefits before left it
    cap_minor: int | None = None
    units_most: int | None = None  # by unit: so many of each article
    min_spend_minor: int = 0  # of points: spent from so many on,
    step_minor: int = 1  # in steps of so many
    stack_group: str = ""
    excludes: Exclusions = NOTHING_EXCLUDED
    priority: int = 0  # within its kind the lowest first
    uses_left: int = 1  # to this customer
    left_in_all: int | None = None  # to all customers
    issuers: frozenset[str] = field(default=frozenset())  # cards that bring a CARD_DISCOUNT
    programmes: frozenset[str] = field(default=frozenset())

    def __post_init__(self) -> None:
        worths = [each for each in (self.percent_bps, self.amount_minor) if each is not None]
        if len(worths) != (self.kind is not Kind.CASH_RECEIPT):
            raise BenefitMalformed("It is worth either a share or an amount.")
        if min((*worths, self.min_purchase_minor, self.min_spend_minor, self.cap_minor or 0)) < 0:
            raise BenefitMalformed("No worth or limit is below zero.")
        if (self.percent_bps or 0) > WHOLE_BPS or min(self.step_minor, self.units_most or 1) < 1:
            raise BenefitMalformed("A share is at most the whole, steps and units at least 1.")
        if self.kind in BALANCES and self.amount_minor is None:
            raise BenefitMalformed("Points and gift cards have a balance.")

    @property
    def last_moment(self) -> datetime:
        """Return when it expires; the end of all time for never."""
        return NEVER if self.ends_at is None else self.ends_at

    @property
    def by_unit(self) -> bool:
        """Return whether it counts unit by unit, each article rounded down by itself."""
        return self.kind is Kind.COUPON_ITEM or self.units_most is not None

    @property
    def most_minor(self) -> int | None:
        """Return the most it can ever take; None where only the purchase says (mission 2.02)."""
        if self.amount_minor is None or self.by_unit:
            return self.cap_minor
        most = (
            self.amount_minor if self.cap_minor is None else min(self.amount_minor, self.cap_minor)
        )
        return most - most % self.step_minor

    def at_most(self, amount_minor: int) -> "Benefit":
        """Return the benefit for a customer who wants to use no more of it than that."""
        cap = amount_minor if self.cap_minor is None else min(self.cap_minor, amount_minor)
        return replace(self, cap_minor=cap)


def in_turn(benefits: Iterable[Benefit]) -> list[Benefit]:
    """Return ``benefits`` in the order they apply: by kind, priority, expiry, their own name."""
    return sorted(benefits, key=_turn)


def _turn(benefit: Benefit) -> tuple[int, int, datetime, str]:
    return (TURN[benefit.kind], benefit.priority, benefit.last_moment, benefit.benefit)
