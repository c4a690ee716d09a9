"""References: the opaque ids the outside sees, the same in API, certificates and commands."""

import secrets
from typing import Final

from config.wire import base32

_BYTES: Final = 7
_UNUSED_BITS: Final = 8 * _BYTES - 50
_PAIRS: Final = [base32.encode(value, digits=2) for value in range(1024)]


def new(prefix: str) -> str:
    """Return a fresh reference: the prefix and 50 random bits in base32 (``RDR-7K2M9Q0V4C``)."""
    return f"{prefix}-{base32.encode(secrets.randbits(50), digits=10)}"


def many(prefix: str, count: int) -> list[str]:
    """
    Return ``count`` fresh references, drawn at once, in ascending order.

    Rows that take them in turn go into an index of references side by side, not all over it.
    """
    drawn = secrets.token_bytes(_BYTES * count)
    starts = range(0, len(drawn), _BYTES)
    return sorted([f"{prefix}-{_written(drawn[start : start + _BYTES])}" for start in starts])


def _written(drawn: bytes) -> str:
    value = int.from_bytes(drawn) >> _UNUSED_BITS
    first, second, third = value >> 40, value >> 30 & 1023, value >> 20 & 1023
    pairs = _PAIRS
    return (
        pairs[first]
        + pairs[second]
        + pairs[third]
        + pairs[value >> 10 & 1023]
        + pairs[value & 1023]
    )
