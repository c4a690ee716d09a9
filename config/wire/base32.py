"""Crockford base32, upper case: the alphabet of T-IDs and codes that people read out."""

from typing import Final

from config.wire.errors import Malformed
from config.wire.luhn import luhn_mod_n

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BITS: Final = 5

_VALUES: Final = {character: value for value, character in enumerate(ALPHABET)}
# What people type for what they see; U is in no alphabet and stays, to be refused.
_LOOKALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})


def encode(value: int, *, digits: int) -> str:
    """
    Return ``value`` in exactly ``digits`` base32 characters, most significant first.

    :raises Malformed: it is negative or needs more
    """
    if value < 0 or value >> BITS * digits:
        raise Malformed(f"{value} does not fit {digits} base32 characters.")
    shifts = range(BITS * (digits - 1), -1, -BITS)
    return "".join(ALPHABET[value >> shift & 31] for shift in shifts)


def decode(text: str) -> int:
    """
    Return the number of canonical base32 text; ``tidy`` comes first where people typed it.

    :raises Malformed: empty, or a character that is not of the alphabet
    """
    value = 0
    for part in _values(text):
        value = value << BITS | part
    return value


def tidy(typed: str) -> str:
    """Return typed text in canonical form: look-alikes, case, spaces and hyphens put right."""
    # Outside ASCII upper() finds letters nobody typed (of a dotless i, say): left to be refused.
    return typed.upper().translate(_LOOKALIKES) if typed.isascii() else typed


def check_character(payload: str) -> str:
    """
    Return the Luhn mod 32 check character of canonical base32 text.

    :raises Malformed: empty, or a character that is not of the alphabet
    """
    return ALPHABET[luhn_mod_n(_values(payload), base=len(ALPHABET))]


def _values(text: str) -> list[int]:
    try:
        values = [_VALUES[character] for character in text]
    except KeyError as error:
        raise Malformed("A character that base32 does not have.") from error
    if not values:
        raise Malformed("Base32 text is not empty.")
    return values
