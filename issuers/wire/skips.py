"""
Look-ups in Rice-coded list numbers without unpacking them: a skip index over the stream.

Of every stretch of 256 numbers the index keeps where it begins in the stream and the least number
it may hold, 12 bytes together. A look-up finds the stretch and reads at most that much of the
stream, whatever the list's length; on a list of a tenth of all numbers the index adds 8 %.
"""

from array import array
from bisect import bisect_right
from typing import Final, NamedTuple

import numpy as np

from issuers.wire import rice
from issuers.wire.rice import Numbers, RiceSet

STRETCH: Final = 256
_OFFSETS_32_BITS: Final = 2**32


class SkipIndex(NamedTuple):
    """Rice-coded numbers and where their stretches begin, in bits and in numbers."""

    coded: RiceSet
    offsets: array[int]
    least: array[int]

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int) or number < 0 or number >= rice.NUMBER_LIMIT:
            return False
        stretch = bisect_right(self.least, number) - 1
        return stretch >= 0 and self._holds(stretch, number)

    def _holds(self, stretch: int, wanted: int) -> bool:
        k, count, data = self.coded
        at = self.offsets[stretch]
        last = stretch + 1 == len(self.offsets)
        end = 8 * len(data) if last else self.offsets[stretch + 1]
        missing = count - stretch * STRETCH if last else STRETCH
        window = data[at >> 3 : (end + 7) >> 3]
        bits = f"{int.from_bytes(window, 'big'):0{8 * len(window)}b}"
        at &= 7
        number = self.least[stretch] - 1
        find = bits.find
        for _ in range(missing):
            zero = find("0", at)
            after = zero + 1 + k
            number += (zero - at << k) + int(bits[zero:after], 2) + 1
            if number >= wanted:
                return number == wanted
            at = after
        return False

    @property
    def size_bytes(self) -> int:
        """Return how much memory numbers and index take together."""
        index = sum(len(each) * each.itemsize for each in (self.offsets, self.least))
        return len(self.coded.data) + index


NOTHING: Final = SkipIndex(rice.EMPTY, array("I"), array("Q"))


def index(numbers: Numbers) -> SkipIndex:
    """
    Return ascending list numbers coded, with their skip index.

    :raises Malformed: the numbers are not strictly ascending below 2^63
    """
    if not numbers.size:
        return NOTHING
    coded = rice.encode(numbers)
    firsts = np.arange(0, numbers.size, STRETCH)
    least = np.zeros(firsts.size, np.uint64)
    least[1:] = numbers[firsts[1:] - 1] + np.uint64(1)
    # Every word has its end and k low bits; what else stands before a stretch are ones.
    quotients = np.zeros(firsts.size, np.uint64)
    np.cumsum(_ones_of_stretches(numbers, firsts, coded.k)[:-1], out=quotients[1:])
    offsets = firsts.astype(np.uint64) * np.uint64(coded.k + 1) + quotients
    kind = "I" if 8 * len(coded.data) < _OFFSETS_32_BITS else "Q"
    return SkipIndex(coded, array(kind, offsets.tolist()), array("Q", least.tobytes()))


def _ones_of_stretches(numbers: Numbers, firsts: np.ndarray, k: int) -> Numbers:
    """Return how many ones the words of each stretch begin with, all together."""
    gaps = rice.gaps_less_one(numbers)
    return np.add.reduceat(gaps >> np.uint64(k), firsts)
