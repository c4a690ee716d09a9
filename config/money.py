"""Money: integers in minor units with their ISO 4217 currency, one formatter and one parser."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Self

from moneyed import CurrencyDoesNotExist, get_currency

from config.refusals import Refused

MINUS = "\N{MINUS SIGN}"


class UnknownCurrency(Refused):
    code = "currency_unknown"
    title = "Unknown currency"


class AmountMalformed(Refused):
    code = "amount_malformed"
    title = "This is not an amount of that currency"


class CurrencyMismatch(Refused):
    code = "currency_mismatch"
    title = "Amounts of two currencies cannot be added"


@cache
def exponent(currency: str) -> int:
    """Return the digits after the point of ``currency`` (ISO 4217 alpha-3): KRW 0, USD 2, KWD 3.

    :raises UnknownCurrency: the code is not in ISO 4217
    """
    try:
        return len(str(get_currency(currency).sub_unit)) - 1
    except CurrencyDoesNotExist:
        raise UnknownCurrency(f"{currency!r} is not an ISO 4217 currency.") from None


def text(amount_minor: int, currency: str) -> str:
    """Return ``amount_minor`` as people read it, without the code: 12,500 (a true minus)."""
    digits = exponent(currency)
    whole, part = divmod(abs(amount_minor), 10**digits)
    shown = f"{whole:,}" + (f".{part:0{digits}d}" if digits else "")
    return f"{MINUS}{shown}" if amount_minor < 0 else shown


def parse(typed: str, currency: str) -> int:
    """Return the minor units of what a person typed: ``12500``, ``12,500``, ``₩12,500``, ``12.50``.

    :raises AmountMalformed: not a number, or more decimals than the currency has
    """
    digits = exponent(currency)
    bare = re.sub(r"[\s,\u00a0]|^[^\d.\-\N{MINUS SIGN}]+", "", typed.strip()).replace(MINUS, "-")
    match = re.fullmatch(r"(-?)(\d{1,15})(?:\.(\d+))?", bare, re.ASCII)
    if not match:
        raise AmountMalformed(f"{typed!r} is not an amount.")
    sign, whole, part = match[1], match[2], match[3] or ""
    if len(part) > digits:
        raise AmountMalformed(f"{currency} has {digits} decimals, not {len(part)}.")
    return int(f"{sign}{whole}{part.ljust(digits, '0')}")


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount that never travels without its currency."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)

    def __add__(self, other: Self) -> "Money":
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return self + -other

    def __str__(self) -> str:
        return f"{text(self.amount_minor, self.currency)} {self.currency}"
