"""What the server knows of each T-ID, in memory: a copy of the database that never runs ahead."""

import threading
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from merchants.wire.datagram import Datagram, DatagramKind, DatagramState

# Bytes of a datagram: length and T-ID, and all that a STATE tells.
TID_FIELD: Final = slice(25, 66)
_TOLD: Final = slice(24, 112)
_ANY_SECRET: Final = bytes(32)

# A state is never replaced by one that can only have come before it. REQUESTED and CLAIMED follow
# each other both ways.
_RANK: Final = {"REQUESTED": 0, "CLAIMED": 0, "APPROVING": 1, "REVERSED": 3}
_FINAL_RANK: Final = 2


class Status(NamedTuple):
    """One payment as a terminal may hear of it; ``number`` is its terminal's, money in minor units.

    ``approval_code`` is empty until an approval.
    """

    tid: str
    number: int
    state: str
    amount_minor: int
    currency: str
    approval_code: str

    @property
    def is_final(self) -> bool:
        """Whether the state is left no more, but for APPROVED to REVERSED."""
        return _rank(self.state) >= _FINAL_RANK

    def as_datagram(
        self, *, kind: DatagramKind, nonce: bytes, ms: int, message: int = 0
    ) -> Datagram:
        """Return what tells it; ``message`` is the number of a RESULT."""
        return Datagram(
            kind=kind,
            terminal=self.number,
            nonce=nonce,
            ms=ms,
            tid=self.tid,
            state=DatagramState[self.state],
            amount=self.amount_minor,
            currency=self.currency,
            approval=self.approval_code,
            number=message,
        )


# Terminal number, bytes 24 to 111 of its STATE, rank. A plain tuple of plain things, which the
# garbage collector learns to leave alone: a million of them must not be gone through.
type Entry = tuple[int, bytes, int]


class StatusMap:
    """T-IDs by the bytes that name them in a datagram; the ones longest unchanged go first.

    Two dictionaries of half the bound each: when the younger is full it becomes the older, whose
    content goes. What went is asked of the database again.
    """

    def __init__(self, *, most: int) -> None:
        self._half = max(1, most // 2)
        self._lock = threading.Lock()  # of writers; the receive loop only reads
        self.young: dict[bytes, Entry] = {}
        self.old: dict[bytes, Entry] = {}

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def get(self, field: bytes) -> Entry | None:
        """Return what is known of the T-ID that stands as ``field`` in a datagram."""
        return self.young.get(field) or self.old.get(field)

    def put(self, statuses: Iterable[Status]) -> None:
        """Take up what was read or heard, unless something later is known."""
        for status in statuses:
            field, entry = _entry(status)
            with self._lock:
                known = self.get(field)
                if known is None or entry[2] >= known[2]:
                    self._keep(field, entry)

    def open_tids(self) -> Iterator[str]:
        """Return the T-IDs that are not final by now, as they stand at the call."""
        for field in [*self.young, *self.old]:  # the names alone: quick, for nobody runs meanwhile
            entry = self.get(field)
            if entry is not None and entry[2] < _FINAL_RANK:
                yield field[1 : 1 + field[0]].decode("ascii")

    def _keep(self, field: bytes, entry: Entry) -> None:
        if len(self.young) >= self._half and field not in self.young:
            self.old, self.young = self.young, {}
        self.young[field] = entry


def _entry(status: Status) -> tuple[bytes, Entry]:
    datagram = status.as_datagram(kind=DatagramKind.STATE, nonce=bytes(8), ms=0)
    data = datagram.encode(_ANY_SECRET)
    return data[TID_FIELD], (status.number, data[_TOLD], _rank(status.state))


def _rank(state: str) -> int:
    return _RANK.get(state, _FINAL_RANK)
