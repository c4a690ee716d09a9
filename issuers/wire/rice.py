"""
Rice coding of ascending list numbers (protocol §5.1; Golomb 1966, Rice 1979).

The gap to the number before (to -1 for the first), less 1, is cut at ``k`` bits: the high part
in unary, ones ended by a zero, then the low part in ``k`` bits. Encoding works on whole arrays of
numbers, for an issuer encodes ten million; decoding reads a stream, for a reader checks it as it
comes: strings of the characters 0 and 1, which C converts, in chunks that keep memory small.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.wire.errors import Malformed

type Numbers = NDArray[np.uint64]

K_MAX: Final = 56
NUMBER_LIMIT: Final = 2**63
# What a caller may ask to encode: a parameter far too small would write ones without end.
DATA_BITS_MAX: Final = 8 * 64 * 1024 * 1024
_CHUNK: Final = 8192  # bytes decoded at a time
_PART: Final = 2**18  # numbers encoded at a time


class RiceSet(NamedTuple):
    """A set of numbers below 2^63 as it stands in a blacklist file."""

    k: int
    count: int  # type: ignore[assignment]  # the field's word; tuple.count is never called
    data: bytes

    def check(self) -> None:
        """
        Refuse what the three parts alone show to be wrong.

        :raises Malformed: ``k`` is out of range, an empty set is not ``[0, 0, h'']``, or the data
            is too short for the count
        """
        if not 0 <= self.k <= K_MAX or self.count < 0:
            raise Malformed("Rice parameter or count out of range.")
        if self.count == 0 and (self.k or self.data):
            raise Malformed("An empty set has the parameter 0 and no data.")
        if self.count * (self.k + 1) > 8 * len(self.data):
            raise Malformed("Rice data is too short for its count.")


EMPTY: Final = RiceSet(0, 0, b"")


def numbers_of(numbers: Iterable[int] | Numbers) -> Numbers:
    """
    Return list numbers as an array of unsigned 64-bit integers; an array comes back as it is.

    :raises Malformed: a number is negative or needs more than 64 bits
    """
    if isinstance(numbers, np.ndarray):
        return numbers
    try:
        return np.fromiter(numbers, dtype=np.uint64)
    except OverflowError as error:
        raise Malformed("A list number out of range.") from error


def encode(numbers: Iterable[int] | Numbers, *, k: int | None = None) -> RiceSet:
    """
    Return ascending list numbers as Rice-coded set, with the smallest parameter's data unless
    ``k`` is given.

    :raises Malformed: the numbers are not strictly ascending from 0 to below 2^63, or ``k`` is out
        of range or makes the data unreasonably long
    """
    gaps = gaps_less_one(numbers_of(numbers))
    if not gaps.size:
        return EMPTY
    if k is None:
        k = _best_k(gaps)
    elif not 0 <= k <= K_MAX:
        raise Malformed("Rice parameter out of range.")
    if _size_bits(gaps, k) > DATA_BITS_MAX:
        raise Malformed("The parameter makes the data too long.")
    return RiceSet(k, gaps.size, _pack(gaps, k))


def gaps_less_one(numbers: Numbers) -> Numbers:
    """
    Return what each number's word codes: its distance to the one before, less 1.

    :raises Malformed: the numbers are not strictly ascending from 0 to below 2^63
    """
    if not np.all(numbers[1:] > numbers[:-1]):
        raise Malformed("List numbers are not ascending.")
    if numbers.size and int(numbers[-1]) >= NUMBER_LIMIT:
        raise Malformed("A list number is 2^63 or above.")
    gaps = numbers.copy()
    gaps[1:] -= numbers[:-1] + np.uint64(1)
    return gaps


def _size_bits(gaps: Numbers, k: int) -> int:
    return gaps.size * (k + 1) + int((gaps >> np.uint64(k)).sum())


def _best_k(gaps: Numbers) -> int:
    """Return the parameter of the smallest data: the size is convex in it, so walk downhill."""
    mean = int(gaps.sum()) / gaps.size
    # For geometric gaps the best parameter lies near the logarithm of mean times ln 2.
    best = min(K_MAX, max(0, math.frexp(mean * math.log(2))[1]))
    size = _size_bits(gaps, best)
    for step in (-1, 1):
        while 0 <= best + step <= K_MAX and (next_size := _size_bits(gaps, best + step)) < size:
            best, size = best + step, next_size
    return best


def _pack(gaps: Numbers, k: int) -> bytes:
    data = bytearray()
    rest = np.empty(0, np.uint8)
    for start in range(0, gaps.size, _PART):
        bits = np.concatenate([rest, _bits(gaps[start : start + _PART], k)])
        whole = bits.size & ~7
        data += np.packbits(bits[:whole]).tobytes()
        rest = bits[whole:]
    return bytes(data) + np.packbits(rest).tobytes()


def _bits(gaps: Numbers, k: int) -> NDArray[np.uint8]:
    """Return the words of ``gaps``, a byte per bit: all ones, but for the ends and low parts."""
    ones = (gaps >> np.uint64(k)).astype(np.int64)
    after = np.cumsum(ones + (k + 1))
    ends = after - (k + 1)
    bits = np.ones(int(after[-1]), np.uint8)
    bits[ends] = 0
    for place in range(k):
        bits[ends + (place + 1)] = (gaps >> np.uint64(k - 1 - place)) & np.uint64(1)
    return bits


def decode(coded: RiceSet) -> Iterator[int]:
    """
    Yield the list numbers of a Rice-coded set in ascending order.

    Take them as true only when the iterator has ended: padding is seen last.

    :raises Malformed: a number of 2^63 or above, data that ends early or goes on, padding of 8
        bits or more or with a one in it
    """
    coded.check()
    k, missing, data = coded
    bits_used = 0
    number = -1
    ones = 0
    rest = ""
    for start in range(0, len(data), _CHUNK):
        chunk = int.from_bytes(b"\1" + data[start : start + _CHUNK], "big")
        bits = rest + f"{chunk:b}"[1:]
        gaps, at = _words(bits, k=k, most=missing)
        if gaps:
            gaps[0] += ones << k
            ones = 0
        numbers = list(accumulate(gaps, initial=number))
        number = numbers[-1]
        if number >= NUMBER_LIMIT:
            raise Malformed("A list number is 2^63 or above.")
        yield from numbers[1:]
        missing -= len(gaps)
        if not missing:
            bits_used = 8 * start - len(rest) + at
            break
        # What is left is a word cut off by the chunk's end. Its ones are counted, not kept, so
        # that a long run costs no more than its length.
        zero = bits.find("0", at)
        ones += (len(bits) if zero < 0 else zero) - at
        rest = "" if zero < 0 else bits[zero:]
    if missing:
        raise Malformed("Rice data ends early.")
    padding = 8 * len(data) - bits_used
    if padding >= 8 or (padding and data[-1] & (1 << padding) - 1):
        raise Malformed("Rice data ends with something other than its padding.")


def _words(bits: str, *, k: int, most: int) -> tuple[list[int], int]:
    """Return the gaps of up to ``most`` whole words of ``bits`` and the offset after the last."""
    gaps: list[int] = []
    find = bits.find
    length = len(bits)
    at = 0
    while len(gaps) < most:
        zero = find("0", at)
        end = zero + 1 + k
        if zero < 0 or end > length:
            break
        # Read from the ending zero on, which adds nothing and spares k = 0 an empty string.
        gaps.append((zero - at << k) + int(bits[zero:end], 2) + 1)
        at = end
    return gaps, at


def digest(numbers: Iterable[int] | Numbers) -> bytes:
    """
    Return the SHA-256 of ascending list numbers, each as 8 bytes big-endian.

    :raises Malformed: a number is negative or needs more than 64 bits
    """
    listed = numbers_of(numbers)
    running = hashlib.sha256()
    for start in range(0, listed.size, _PART):
        running.update(listed[start : start + _PART].astype(">u8").tobytes())
    return running.digest()
