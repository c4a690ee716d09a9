"""The blacklist as a reader holds it: what it applies, and what it refuses (protocol §5.1)."""

from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from config.wire.errors import WireError
from issuers.wire import rice, skips
from issuers.wire.blacklists import BlacklistFile
from issuers.wire.rice import Numbers


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
    One issuer's list numbers, as small as they came, with the version they belong to.

    A look-up unpacks one stretch of them; only to apply a file are all unpacked for a moment.

    ``version`` is what to ask the portal for (``have``): 0 holds nothing. Files come in verified,
    by ``BlacklistFile.open``.
    """

    __slots__ = ("_floor", "_kept", "issuer", "version")

    def __init__(self, *, issuer: str | None = None) -> None:
        """Hold nothing yet; without ``issuer`` the first file decides whose list this is."""
        self.issuer = issuer
        self.version = 0
        self._floor = 0
        self._kept = skips.NOTHING

    @classmethod
    def holding(cls, *, issuer: str, version: int, numbers: Iterable[int]) -> Self:
        """
        Return the list a reader kept over a restart.

        :raises Malformed: ``numbers`` do not ascend
        """
        held = cls(issuer=issuer)
        held.version = held._floor = version
        held._kept = skips.index(rice.numbers_of(numbers))
        return held

    def __contains__(self, list_number: object) -> bool:
        return list_number in self._kept

    def __len__(self) -> int:
        return self._kept.coded.count

    def __iter__(self) -> Iterator[int]:
        return rice.decode(self._kept.coded)

    @property
    def size_bytes(self) -> int:
        """Return the memory the numbers take, their index included."""
        return self._kept.size_bytes

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
        base = rice.decode(self._kept.coded) if file.base else ()
        removed = rice.numbers_of(rice.decode(file.removals))
        added = rice.numbers_of(rice.decode(file.additions))
        numbers = _changed(rice.numbers_of(base), removed=removed, added=added)
        if len(numbers) != file.entries or rice.digest(numbers) != file.digest:
            self.version = 0
            self._kept = skips.NOTHING
            raise WrongDigest(f"Version {file.version} does not lead to the issuer's numbers.")
        self.issuer = file.issuer
        self.version = self._floor = file.version
        self._kept = skips.index(numbers)

    def _refuse_unfitting(self, file: BlacklistFile) -> None:
        if self.issuer is not None and file.issuer != self.issuer:
            raise WrongIssuer(f"A list of {file.issuer}, not of {self.issuer}.")
        # After all was dropped the last good version itself may come again, in full.
        least = self._floor if self.version == 0 else self.version + 1
        if file.version < least:
            raise NotNewer(f"Version {file.version} is below {least}.")
        if file.base not in (0, self.version):
            raise WrongBase(f"A delta on version {file.base}, {self.version} is held.")


def _changed(numbers: Numbers, *, removed: Numbers, added: Numbers) -> Numbers:
    """Return ascending ``numbers`` less some and then with some, each once.

    By their places: sorting all again would cost more than everything else a reader does.
    """
    left = np.delete(numbers, np.searchsorted(numbers, removed)[_among(numbers, removed)])
    fresh = added[~_among(left, added)]
    return np.insert(left, np.searchsorted(left, fresh), fresh)


def _among(numbers: Numbers, asked: Numbers) -> NDArray[np.bool_]:
    """Return for each number asked whether it is one of the ascending ``numbers``."""
    return np.searchsorted(numbers, asked, "right") > np.searchsorted(numbers, asked)
