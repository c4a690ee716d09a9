"""The Luhn check over digits (ISO/IEC 7812-1 annex B) and its generalisation, Luhn mod N."""

from config.wire.errors import Malformed


def luhn_mod_n(values: list[int], *, base: int) -> int:
    """
    Return the check value of a payload, its values leftmost first, each below ``base``.

    The rightmost payload value has factor 2; a product counts as the sum of its base-N digits.
    """
    total = 0
    factor = 2
    for value in reversed(values):
        product = value * factor
        total += product // base + product % base
        factor = 3 - factor
    return -total % base


def check_digit(digits: str) -> str:
    """
    Return the Luhn check digit of a payload of decimal digits.

    :raises Malformed: anything but the ASCII digits 0 to 9
    """
    if not (digits.isascii() and digits.isdigit()):
        raise Malformed("Not decimal digits.")
    return str(luhn_mod_n([int(digit) for digit in digits], base=10))
