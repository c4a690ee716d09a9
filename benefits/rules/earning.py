"""What a purchase earns by one rule: points of what was paid, or a stamp (mission §2).

Pure. Amounts are minor units of the rule's currency; points are worth one minor unit each.
"""

from dataclasses import dataclass
from typing import Final

from benefits.rules.vocabulary import BALANCES, WHOLE_BPS, Kind
from config.refusals import Refused

NO_REWARD: Final = frozenset({*BALANCES, Kind.CASH_RECEIPT})  # what a full card cannot bring


class EarningMalformed(Refused):
    """A rule that gives neither points nor stamps, or both, or what it cannot give."""

    code = "earning_malformed"
    title = "This is not an earning rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Earns:
    """How one rule earns: points of ``points_bps`` (hundredths of a percent), or a stamp each
    towards a card of ``stamps_needed``; of purchases from ``min_purchase_minor`` on.

    :raises EarningMalformed: it is neither or both, or a figure is out of its range
    """

    points_bps: int | None = None
    stamps_needed: int | None = None
    min_purchase_minor: int = 0

    def __post_init__(self) -> None:
        if (self.points_bps is None) == (self.stamps_needed is None):
            raise EarningMalformed("It gives either points or stamps.")
        share = 1 if self.points_bps is None else self.points_bps
        stamps = 1 if self.stamps_needed is None else self.stamps_needed
        if not 1 <= share <= WHOLE_BPS or stamps < 1:
            raise EarningMalformed("A share is above 0 and at most the whole, a card has stamps.")
        if self.min_purchase_minor < 0:
            raise EarningMalformed("No least purchase is below zero.")

    def check_gives(self, kind: Kind) -> None:
        """Refuse a benefit that this rule cannot give.

        :raises EarningMalformed: a share gives anything but points, or a card a balance
        """
        if self.points_bps is not None and kind is not Kind.POINTS:
            raise EarningMalformed("A share of what was paid gives points.")
        if self.stamps_needed is not None and kind in NO_REWARD:
            raise EarningMalformed("A full card brings a coupon, a grade or a reward.")

    def amount_of(self, base_minor: int) -> int:
        """Return the points that ``base_minor``, paid with money, earns, rounded down; of stamps
        1. Nothing below the least purchase."""
        if base_minor < max(1, self.min_purchase_minor):
            return 0
        return 1 if self.points_bps is None else base_minor * self.points_bps // WHOLE_BPS
