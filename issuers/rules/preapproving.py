"""The terms of pre-approvals: what a programme allows, before anybody asks for one (mission §5)."""

from dataclasses import dataclass
from typing import Final

from config import money

KINDS: Final = ("CASH", "GIFT", "LOTTERY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one programme allows; amounts in minor units of its currency, ``…_s`` in seconds.

    ``kinds``: of :data:`KINDS`. Outstanding and by day: of one customer.
    """

    kinds: frozenset[str] = frozenset(KINDS)
    valid_default_s: int = 30 * 60
    valid_max_s: int = 24 * 3600
    pickup_code_needed: bool = True
    partial_allowed: bool = True
    delegated_allowed: bool = True
    outstanding_max: int = 10
    daily_count_max: int = 50
    daily_sum_max_minor: int

    def needs_code(self, kind: str) -> bool:
        """Return whether a number of ``kind`` is redeemed with the holder's pickup code only."""
        return not self.delegated_allowed or (kind == "CASH" and self.pickup_code_needed)


def house_terms(*, currency: str) -> Terms:
    """Return what holds before a programme has terms of its own: 10 million won a day, or about as
    much money in another currency.

    :raises UnknownCurrency: the code is not in ISO 4217
    """
    digits = money.exponent(currency)
    unit = 10**digits if digits else 1000
    return Terms(daily_sum_max_minor=10_000 * unit)
