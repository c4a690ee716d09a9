"""The datagrams of each T-ID until they are written down, off the receive loop.

Queries come in any number, and each is worth little: of them and their answers only so many are
kept between two writings, the others are counted.
"""

from collections import deque
from typing import Final, NamedTuple

from merchants.wire.datagram import Datagram, DatagramKind

IN: Final = "IN"
OUT: Final = "OUT"
_OFTEN: Final = frozenset({DatagramKind.QUERY, DatagramKind.STATE})


class Line(NamedTuple):
    """One datagram; ``at``: seconds since 1970, ``state`` and ``message`` as it told them."""

    at: float
    tid: str
    direction: str
    kind: DatagramKind
    address: str
    port: int
    state: int
    message: int


class Journal:
    """Bounded memory of what was received and sent. Any thread adds, one takes."""

    def __init__(self, *, most: int, room: int) -> None:
        """:param room: lines of queries and their answers between two writings."""
        self._most, self._room = most, room
        self._lines: deque[Line] = deque()
        self.room = room
        self.left_out = 0

    def note(
        self, *, direction: str, datagram: Datagram, address: str, port: int, at: float
    ) -> None:
        """Keep a line for ``datagram``, or count it when there is no room."""
        often = datagram.kind in _OFTEN
        if len(self._lines) >= self._most or (often and self.room <= 0):
            self.left_out += 1
            return
        self.room -= often
        state, message = int(datagram.state), datagram.number
        self._lines.append(
            Line(at, datagram.tid, direction, datagram.kind, address, port, state, message)
        )

    def note_query(self, *, field: bytes, state: int, source: tuple[str, int], at: float) -> None:
        """Keep two lines, for a query and its answer; the caller has looked whether there is room.

        ``field``: the T-ID as it stands in a datagram, after its length.
        """
        self.room -= 2
        tid = field[1 : 1 + field[0]].decode("ascii")
        place = source[:2]
        self._lines.append(Line(at, tid, IN, DatagramKind.QUERY, *place, 0, 0))
        self._lines.append(Line(at, tid, OUT, DatagramKind.STATE, *place, state, 0))

    def take(self) -> list[Line]:
        """Return the lines so far, which are the caller's now, and make room for as many."""
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        self.room = self._room
        return lines
