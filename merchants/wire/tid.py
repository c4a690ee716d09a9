"""The T-ID a terminal makes for one request to pay (protocol §2)."""

import hashlib
import hmac
from typing import Final, NamedTuple

from config.wire import base32
from config.wire.errors import Malformed

PREFIX: Final = "T"
LENGTH: Final = 23
NUMBER_DIGITS: Final = 6
COUNTER_DIGITS: Final = 5
RANDOM_DIGITS: Final = 5
DIGEST_DIGITS: Final = 5
NUMBER_LIMIT: Final = 2**30
COUNTER_LIMIT: Final = 2**25
RANDOM_LIMIT: Final = 2**25

_DIGEST_BITS: Final = base32.BITS * DIGEST_DIGITS


class Tid(NamedTuple):
    """The parts of a T-ID: 30-bit terminal number, 25-bit counter, random and digest."""

    number: int
    counter: int
    random: int
    digest: int


def tid(
    *,
    number: int,
    counter: int,
    random: int,
    amount: int,
    currency: str,
    order: str,
    secret: bytes,
) -> str:
    """
    Return the T-ID of a request for ``amount`` minor units of ``currency``.

    ``secret`` is the terminal's, 32 bytes; ``order`` may be empty. The caller has written
    ``counter`` to disk before.

    :raises Malformed: a part has more bits than its place
    """
    head = base32.encode(number, digits=NUMBER_DIGITS)
    middle = base32.encode(counter, digits=COUNTER_DIGITS)
    tail = base32.encode(random, digits=RANDOM_DIGITS)
    digest = _digest(f"{middle}|{tail}|{amount}|{currency}|{order}", secret)
    body = PREFIX + head + middle + tail + base32.encode(digest, digits=DIGEST_DIGITS)
    return body + base32.check_character(body)


def parse(text: str) -> Tid:
    """
    Return the parts of a canonical T-ID; typed or scanned ones go through ``numbers.parse``.

    :raises Malformed: wrong length, first character, alphabet or check character
    """
    if not isinstance(text, str) or len(text) != LENGTH or text[0] != PREFIX:
        raise Malformed("A T-ID is T and 22 base32 characters.")
    if base32.check_character(text[:-1]) != text[-1]:
        raise Malformed("The T-ID's check character is wrong.")
    at = len(PREFIX)
    parts = []
    for digits in (NUMBER_DIGITS, COUNTER_DIGITS, RANDOM_DIGITS, DIGEST_DIGITS):
        parts.append(base32.decode(text[at : at + digits]))
        at += digits
    return Tid(*parts)


def fits(*, tid: str, amount: int, currency: str, order: str, secret: bytes) -> bool:
    """
    Tell whether a T-ID's digest is that of amount (minor units), currency, order and secret.

    :raises Malformed: ``tid`` is none
    """
    parts = parse(tid)
    middle = base32.encode(parts.counter, digits=COUNTER_DIGITS)
    tail = base32.encode(parts.random, digits=RANDOM_DIGITS)
    expected = _digest(f"{middle}|{tail}|{amount}|{currency}|{order}", secret)
    return hmac.compare_digest(expected.to_bytes(4, "big"), parts.digest.to_bytes(4, "big"))


def _digest(text: str, secret: bytes) -> int:
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise Malformed("Text with a lone surrogate.") from error
    mac = hmac.digest(secret, data, hashlib.sha256)
    return int.from_bytes(mac[:4], "big") >> 32 - _DIGEST_BITS
