"""The blacklist as a reader holds it: what it applies, and what it refuses (protocol §5.1)."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Self

from config.wire.errors import WireError
from issuers.wire import rice
from issuers.wire.blacklists import BlacklistFile


class WrongBase(WireError):
    """The file is a delta on a version that is not the one held."""


class WrongDigest(WireError):
    """The numbers after applying are not what the issuer says; all were dropped."""


class NotNewer(WireError):
    """The file's version is not above the one held; versions only rise."""


class WrongIssuer(WireError):
    """The file belongs to another issuer."""


class HeldBlacklist:
    """
    One issuer's list numbers, sorted, 8 bytes each, with the version they belong to.

    ``version`` is what to ask the portal for (``have``): 0 holds nothing. Files come in verified,
    by ``BlacklistFile.open``.
    """

    __slots__ = ("_floor", "_numbers", "issuer", "version")

    def __init__(self, *, issuer: str | None = None) -> None:
        """Hold nothing yet; without ``issuer`` the first file decides whose list this is."""
        self.issuer = issuer
        self.version = 0
        self._floor = 0
        self._numbers: array[int] = array("Q")

    @classmethod
    def holding(cls, *, issuer: str, version: int, numbers: Iterable[int]) -> Self:
        """Return the list a reader kept over a restart; ``numbers`` ascend."""
        held = cls(issuer=issuer)
        held.version = held._floor = version
        held._numbers = array("Q", numbers)
        return held

    def __contains__(self, list_number: object) -> bool:
        if not isinstance(list_number, int) or list_number < 0:
            return False
        at = bisect_left(self._numbers, list_number)
        return at < len(self._numbers) and self._numbers[at] == list_number

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def apply(self, file: BlacklistFile) -> None:
        """
        Take one verified file: removals first, then additions, then the digest.

        After ``WrongDigest`` nothing is held and ``version`` is 0, so the next question goes out
        with ``have=0``; even then no list older than the last good one is taken. Every other
        refusal leaves what is held as it was.

        :raises WrongIssuer: the list of another issuer
        :raises NotNewer: the version is not above the one held, or the last good one
        :raises WrongBase: a delta on another version than the one held
        :raises WrongDigest: count or digest after applying are not those of the file
        :raises Malformed: removals or additions are not proper Rice data
        """
        self._refuse_unfitting(file)
        base = self._numbers if file.base else array("Q")
        numbers = _without(base, rice.decode(file.removals))
        numbers = _with(numbers, rice.decode(file.additions))
        if len(numbers) != file.entries or rice.digest(numbers) != file.digest:
            self.version = 0
            self._numbers = array("Q")
            raise WrongDigest(f"Version {file.version} does not lead to the issuer's numbers.")
        self.issuer = file.issuer
        self.version = self._floor = file.version
        self._numbers = numbers

    def _refuse_unfitting(self, file: BlacklistFile) -> None:
        if self.issuer is not None and file.issuer != self.issuer:
            raise WrongIssuer(f"A list of {file.issuer}, not of {self.issuer}.")
        # After all was dropped the last good version itself may come again, in full.
        least = self._floor if self.version == 0 else self.version + 1
        if file.version < least:
            raise NotNewer(f"Version {file.version} is below {least}.")
        if file.base not in (0, self.version):
            raise WrongBase(f"A delta on version {file.base}, {self.version} is held.")


def _without(numbers: array[int], removed: Iterable[int]) -> array[int]:
    """Return sorted ``numbers`` less an ascending few, copying the stretches between them."""
    left: array[int] = array("Q")
    start = 0
    for number in removed:
        at = bisect_left(numbers, number, start)
        left += numbers[start:at]
        start = at + 1 if at < len(numbers) and numbers[at] == number else at
    return left + numbers[start:]


def _with(numbers: array[int], added: Iterable[int]) -> array[int]:
    """Return sorted ``numbers`` and an ascending few, each once."""
    merged: array[int] = array("Q")
    start = 0
    for number in added:
        at = bisect_left(numbers, number, start)
        merged += numbers[start:at]
        merged.append(number)
        start = at + 1 if at < len(numbers) and numbers[at] == number else at
    return merged + numbers[start:]
