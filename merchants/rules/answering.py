"""What to answer to which datagram: the receive loop's part, which never waits (protocol §4.2).

A status query for a T-ID that is known is answered from memory. What needs the database is set
aside for whoever has time; what is not ours, or not in time, is dropped and counted. The order of
the checks is their price: form, time, known terminal, network, MAC, pace.
"""

import hmac
import struct
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from config.wire.errors import Malformed
from merchants.rules.journal import Journal
from merchants.rules.paces import Networks, Pace
from merchants.rules.statuses import Entry, StatusMap
from merchants.wire.datagram import LENGTH, Datagram, DatagramKind, Mac

MOST_OFF_MS: Final = 30_000
# A REGISTER writes to the database, a query reads a dictionary.
REGISTER_COSTS: Final = 10

# Magic, version and kind; terminal; time; T-ID with its length; zeros; MAC.
_PARTS: Final = struct.Struct(">4sI8xQx41s21x25s16s")
_HEADS: Final = {
    b"PD\x01" + bytes((kind,)): kind
    for kind in (DatagramKind.REGISTER, DatagramKind.RESULT_ACK, DatagramKind.QUERY)
}
_QUERY: Final = b"PD\x01" + bytes((DatagramKind.QUERY,))
_STATE: Final = b"PD\x01" + bytes((DatagramKind.STATE,))
_ZEROS: Final = bytes(25)

type Source = tuple[str, int]  # an address and a port; of IPv6 the two first of four


class Cause(StrEnum):
    """Why a datagram was dropped."""

    LENGTH = "length"
    FORM = "form"  # magic, version, or a kind that no terminal sends; padding under a good MAC
    TIME = "time"
    TERMINAL = "terminal"  # no such terminal, revoked, or its merchant is suspended
    NETWORK = "network"  # too much came in vain from there
    MAC = "mac"
    PACE = "pace"  # too many of one terminal
    BUSY = "busy"  # more is set aside than can be looked up
    DATABASE = "database"
    REGISTER = "register"  # older than the one that counts, or that one from elsewhere


class Key:
    """What one terminal shares with us, and how its datagrams come."""

    __slots__ = ("_mac", "address", "due_at", "number", "secret")

    def __init__(self, *, number: int, secret: bytes) -> None:
        self.number, self.secret = number, secret
        self.due_at = 0.0  # see `paces`
        self.address = ""  # where its newest good datagram came from
        self._mac: Callable[[bytes], bytes] | None = None

    @property
    def mac(self) -> Callable[[bytes], bytes]:
        """The function that returns a body's MAC; made when it is first wanted."""
        if self._mac is None:
            self._mac = Mac(self.secret).of
        return self._mac


class Aside(NamedTuple):
    """A datagram of a terminal we do not know."""

    data: bytes
    source: Source
    at: float


class Asked(NamedTuple):
    """A datagram of a terminal we know, whose answer needs the database."""

    datagram: Datagram
    key: Key
    source: Source
    at: float


class Counts:
    """What one thread counted since it began. Every datagram is one of the first three."""

    __slots__ = ("answered", "aside", "dropped", "noted")

    def __init__(self) -> None:
        self.answered = self.aside = 0
        self.dropped = dict.fromkeys(Cause, 0)
        self.noted = 0  # of the answered, those that stand in the journal

    @property
    def received(self) -> int:
        """All that was taken."""
        return self.answered + self.aside + sum(self.dropped.values())


class Answering:
    """One thread's answers. What several threads share only grows or is replaced as a whole."""

    def __init__(
        self,
        *,
        keys: dict[int, Key],
        statuses: StatusMap,
        networks: Networks,
        pace: Pace,
        journal: Journal,
        set_aside: Callable[[Aside | Asked], bool],
    ) -> None:
        """:param set_aside: takes what needs the database; says no when it has too much already."""
        self._keys, self._statuses, self._networks = keys, statuses, networks
        self._journal, self._set_aside = journal, set_aside
        self._every_s, self._burst_s = pace
        self._barred = networks.barred
        self.counts = Counts()

    def take(self, data: bytes, source: Source, at: float) -> bytes | None:
        """Return the 128 bytes to send back to ``source``, or None; ``at``: seconds since 1970."""
        if len(data) != LENGTH:
            self.drop(Cause.LENGTH)
            return None
        head, number, ms, tid, zeros, mac = _PARTS.unpack(data)
        now_ms = int(at * 1000)
        key = self._keys.get(number)
        if (
            head not in _HEADS
            or not -MOST_OFF_MS <= ms - now_ms <= MOST_OFF_MS
            or (self._barred and self._is_barred(key, source, at))
        ):
            self._drop_unread(head, ms - now_ms)
        elif key is None:
            self._put_aside(Aside(data, source, at))
        elif self._proved(key, data, mac, source, at):
            entry = self._statuses.get(tid) if head == _QUERY and zeros == _ZEROS else None
            if entry is None or entry[0] != number:
                self._read(data, source, at, key)
                return None
            if self._journal.room > 1:
                self._note(tid, entry, source, at)
            self.counts.answered += 1
            body = _STATE + data[4:16] + now_ms.to_bytes(8) + entry[1]
            return body + key.mac(body)
        return None

    def drop(self, cause: Cause) -> None:
        """Count a datagram that gets no answer."""
        self.counts.dropped[cause] += 1

    def _drop_unread(self, head: bytes, off_ms: int) -> None:
        if head not in _HEADS:
            self.drop(Cause.FORM)
        elif -MOST_OFF_MS <= off_ms <= MOST_OFF_MS:
            self.drop(Cause.NETWORK)
        else:
            self.drop(Cause.TIME)

    def _proved(self, key: Key, data: bytes, mac: bytes, source: Source, at: float) -> bool:
        """Say whether the MAC is the terminal's, and it keeps its pace; else count it."""
        if not hmac.compare_digest(key.mac(data[:112]), mac):
            self._networks.charge(address=source[0], at=at)
            self.drop(Cause.MAC)
            return False
        key.address = source[0]
        due_at = key.due_at if key.due_at > at else at  # noqa: FURB136  (max() takes longer)
        if due_at - at > self._burst_s:
            self.drop(Cause.PACE)
            return False
        key.due_at = due_at + self._every_s
        return True

    def _note(self, field: bytes, entry: Entry, source: Source, at: float) -> None:
        self.counts.noted += 1
        self._journal.note_query(field=field, state=entry[1][0], source=source, at=at)

    def _read(self, data: bytes, source: Source, at: float, key: Key) -> None:
        """Set aside what is well-formed to the last byte."""
        try:
            datagram = Datagram.decode(data, key.secret)
        except Malformed:
            self.drop(Cause.FORM)
            return
        if datagram.kind is DatagramKind.REGISTER:
            key.due_at += (REGISTER_COSTS - 1) * self._every_s
        self._put_aside(Asked(datagram, key, source, at))

    def _put_aside(self, aside: Aside | Asked) -> None:
        if self._set_aside(aside):
            self.counts.aside += 1
        else:
            self.drop(Cause.BUSY)

    def _is_barred(self, key: Key | None, source: Source, at: float) -> bool:
        """Who proved himself from this address is heard, whoever else sends from there."""
        if key is not None and key.address == source[0]:
            return False
        return self._networks.is_barred(address=source[0], at=at)
