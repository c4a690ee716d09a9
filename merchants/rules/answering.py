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
from merchants.wire.datagram import LENGTH, MAC_BYTES, Datagram, DatagramKind

MOST_OFF_MS: Final = 30_000
# A REGISTER writes to the database, a query reads a dictionary.
REGISTER_COSTS: Final = 10

_BODY: Final = slice(0, LENGTH - MAC_BYTES)
_TERMINAL_AND_NONCE: Final = slice(4, 16)
# Magic, version and kind; terminal; time; T-ID with its length; zeros; MAC.
_PARTS: Final = struct.Struct(">4sI8xQx41s21x25s16s")
_HEADS: Final = {
    b"PD\x01" + bytes((kind,)): kind
    for kind in (DatagramKind.REGISTER, DatagramKind.RESULT_ACK, DatagramKind.QUERY)
}
_STATE: Final = b"PD\x01" + bytes((DatagramKind.STATE,))
_ZEROS: Final = bytes(25)
_ALGORITHM: Final = "sha256"

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

    __slots__ = ("address", "due_at", "number", "secret")

    def __init__(self, *, number: int, secret: bytes) -> None:
        self.number, self.secret = number, secret
        self.due_at = 0.0  # see `paces`
        self.address = ""  # where its newest good datagram came from


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
    """What one thread counted since it began."""

    __slots__ = ("answered", "dropped", "received")

    def __init__(self) -> None:
        self.received = self.answered = 0
        self.dropped = dict.fromkeys(Cause, 0)


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
        self._pace, self._journal, self._set_aside = pace, journal, set_aside
        self.counts = Counts()

    def take(self, data: bytes, source: Source, at: float) -> bytes | None:
        """Return the 128 bytes to send back to ``source``, or None; ``at``: seconds since 1970."""
        self.counts.received += 1
        if len(data) != LENGTH:
            self.drop(Cause.LENGTH)
            return None
        head, number, ms, tid, zeros, mac = _PARTS.unpack(data)
        now_ms = int(at * 1000)
        key = self._keys.get(number)
        cause = self._screened(head, ms - now_ms, key, source, at)
        if cause is None and key is not None:
            cause = self._proved(key, data, mac, source, at)
        if cause is not None:
            self.drop(cause)
            return None
        if key is not None and head[3] == DatagramKind.QUERY and zeros == _ZEROS:
            entry = self._statuses.get(tid)
            if entry is not None and entry[0] == number:
                self._note_query(tid, entry, source, at)
                body = _STATE + data[_TERMINAL_AND_NONCE] + now_ms.to_bytes(8) + entry[1]
                return body + hmac.digest(key.secret, body, _ALGORITHM)[:MAC_BYTES]
        self._put_aside(data, source, at, key)
        return None

    def drop(self, cause: Cause) -> None:
        """Count a datagram that gets no answer."""
        self.counts.dropped[cause] += 1

    def _screened(
        self, head: bytes, off_ms: int, key: Key | None, source: Source, at: float
    ) -> Cause | None:
        if head not in _HEADS:
            return Cause.FORM
        if not -MOST_OFF_MS <= off_ms <= MOST_OFF_MS:
            return Cause.TIME
        if self._networks.barred and self._is_barred(key, source, at):
            return Cause.NETWORK
        return None

    def _proved(self, key: Key, data: bytes, mac: bytes, source: Source, at: float) -> Cause | None:
        own = hmac.digest(key.secret, data[_BODY], _ALGORITHM)
        if not hmac.compare_digest(own[:MAC_BYTES], mac):
            self._networks.charge(address=source[0], at=at)
            return Cause.MAC
        key.address = source[0]
        every_s, burst_s = self._pace
        due_at = key.due_at if key.due_at > at else at  # noqa: FURB136  (max() takes longer)
        if due_at - at > burst_s:
            return Cause.PACE
        key.due_at = due_at + every_s
        return None

    def _note_query(self, field: bytes, entry: Entry, source: Source, at: float) -> None:
        self.counts.answered += 1
        if self._journal.room > 1:
            self._journal.note_query(field=field, state=entry[1][0], source=source, at=at)
        else:
            self._journal.left_out += 2

    def _put_aside(self, data: bytes, source: Source, at: float, key: Key | None) -> None:
        """Set aside what comes from a terminal we do not know, or is well-formed throughout."""
        aside: Aside | Asked = Aside(data, source, at)
        if key is not None:
            try:
                datagram = Datagram.decode(data, key.secret)
            except Malformed:
                self.drop(Cause.FORM)
                return
            if datagram.kind is DatagramKind.REGISTER:
                key.due_at += (REGISTER_COSTS - 1) * self._pace.every_s
            aside = Asked(datagram, key, source, at)
        if not self._set_aside(aside):
            self.drop(Cause.BUSY)

    def _is_barred(self, key: Key | None, source: Source, at: float) -> bool:
        """Who proved itself from this address is heard, whoever else sends from there."""
        if key is not None and key.address == source[0]:
            return False
        return self._networks.is_barred(address=source[0], at=at)
