"""The five numbers a till may scan or type (protocol §2)."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from config.wire import base32, luhn
from config.wire.errors import Malformed

# How many random bytes each constructor takes; reduced modulo the space, the bias is negligible.
RANDOM_BYTES: Final = 16

_CODE_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CODE_FIRST_LETTERS: Final = _CODE_LETTERS.replace("O", "")


class NumberKind(StrEnum):
    """What a number is, as its prefix or its first character and length tell."""

    TID = "TID"
    TSN = "TSN"
    TSN_PSN = "TSN_PSN"
    APPROVAL = "APPROVAL"
    OFFLINE_CODE = "OFFLINE_CODE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number in canonical form; ``psn`` is there with ``TSN_PSN`` only."""

    kind: NumberKind
    value: str
    psn: str | None = None


_TID: Final = f"T[{base32.ALPHABET}]{{22}}"
_TSN: Final = "9[0-9]{15}"
_PSN: Final = "[0-9]{10}"
_APPROVAL: Final = "[1-8][0-9]{11}"

_SCANNED: Final = {
    NumberKind.TID: re.compile(rf"T1\.({_TID})"),
    NumberKind.TSN: re.compile(rf"S1\.({_TSN})"),
    NumberKind.TSN_PSN: re.compile(rf"S1\.({_TSN})\.({_PSN})"),
    NumberKind.APPROVAL: re.compile(rf"A1\.({_APPROVAL})"),
}
_TYPED: Final = {
    NumberKind.TID: re.compile(f"({_TID})"),
    NumberKind.TSN: re.compile(f"({_TSN})"),
    NumberKind.TSN_PSN: re.compile(f"({_TSN})({_PSN})"),
    NumberKind.APPROVAL: re.compile(f"({_APPROVAL})"),
    NumberKind.OFFLINE_CODE: re.compile(f"(O[{base32.ALPHABET}]{{5}})"),
}
_SHOWN_ONCE: Final = frozenset({NumberKind.TSN, NumberKind.TSN_PSN, NumberKind.APPROVAL})
# Longer input is never a number, however many spaces and hyphens it has.
_INPUT_MAX: Final = 128


def kind_of(text: str) -> NumberKind | None:
    """Return what a scanned or typed text is by its form alone, or None; no check is computed."""
    recognized = _recognize(text)
    return recognized.kind if recognized else None


def parse(text: str) -> Number:
    """
    Return the canonical number of a scanned or typed text, its check digit or character verified.

    A T-ID's digest is not judged here: that takes the terminal's secret.

    :raises Malformed: none of the five forms, or a wrong check digit or character
    """
    number = _recognize(text)
    if number is None:
        raise Malformed("None of the numbers a till may take.")
    payload, check = number.value[:-1], number.value[-1]
    if number.kind is NumberKind.TID:
        expected = base32.check_character(payload)
    elif number.kind is NumberKind.OFFLINE_CODE:
        expected = check
    else:
        expected = luhn.check_digit(payload)
    if check != expected:
        raise Malformed("The number's check digit or character is wrong.")
    return number


def shown_once(text: str) -> Number | None:
    """Return the number if it is one that is shown once and kept as a keyed hash only, else None.

    That is a TSN, with its PSN or without, and an approval number; one with a wrong check digit is
    nobody's. What returns something here is never written to an address, a page or a log.
    """
    if kind_of(text) not in _SHOWN_ONCE:
        return None
    try:
        return parse(text)
    except Malformed:
        return None


def _recognize(text: str) -> Number | None:
    if not isinstance(text, str) or not text.isascii() or len(text) > _INPUT_MAX:
        return None
    forms, candidate = (_SCANNED, text) if "." in text else (_TYPED, _tidy(text))
    for kind, form in forms.items():
        if match := form.fullmatch(candidate):
            value, *psn = match.groups()
            return Number(kind=kind, value=value, psn=psn[0] if psn else None)
    return None


def _tidy(typed: str) -> str:
    """Return typed text in canonical form; its first character tells the kind and stays."""
    typed = typed.strip()
    return typed[:1].upper() + base32.tidy(typed[1:])


def offline_approval_code(rng_bytes: bytes) -> str:
    """Return a reader's approval code from 16 random bytes: ``O`` and 5 base32 characters."""
    return "O" + base32.encode(_drawn(rng_bytes) % 32**5, digits=5)


def online_approval_code(rng_bytes: bytes) -> str:
    """Return a portal's approval code (ISO 8583 DE 38) from 16 random bytes: 6, no leading O."""
    rest, first = divmod(_drawn(rng_bytes), len(_CODE_FIRST_LETTERS))
    code = _CODE_FIRST_LETTERS[first]
    for _ in range(5):
        rest, letter = divmod(rest, len(_CODE_LETTERS))
        code += _CODE_LETTERS[letter]
    return code


def tsn(rng_bytes: bytes) -> str:
    """Return a transaction serial number from 16 random bytes: 9, 14 digits, check digit."""
    return _checked(f"9{_drawn(rng_bytes) % 10**14:014}")


def approval_number(rng_bytes: bytes) -> str:
    """Return a pre-approval's number from 16 random bytes: 1 to 8, 10 digits, check digit."""
    rest, first = divmod(_drawn(rng_bytes), 8)
    return _checked(f"{first + 1}{rest % 10**10:010}")


def _checked(payload: str) -> str:
    return payload + luhn.check_digit(payload)


def _drawn(rng_bytes: bytes) -> int:
    assert len(rng_bytes) == RANDOM_BYTES, "fewer random bytes would make numbers guessable"
    return int.from_bytes(rng_bytes, "big")
