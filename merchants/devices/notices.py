"""What a terminal and the result notification server say about one T-ID (protocol section 4.2).

REGISTER goes out at once and again after 2, 4, 8 and 16 s; answered, it is repeated every 20 s, for
that keeps the router's way back open and carries the result if a RESULT was lost. Unanswered, it is
followed by QUERY, and then :attr:`Notices.silent` says that only HTTPS is left.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from merchants.wire.datagram import NONCE_BYTES, Datagram, DatagramKind

RETRY_S: Final[Mapping[DatagramKind, Sequence[float]]] = {
    DatagramKind.REGISTER: (2, 4, 8, 16),
    DatagramKind.QUERY: (2, 4),
}
LAST_WAIT_S: Final = 2.0  # for the answer to the last retry
KEEP_ALIVE_S: Final = 20.0
SPREAD: Final = 0.2
_ANSWERS: Final = {
    DatagramKind.REGISTERED: DatagramKind.REGISTER,
    DatagramKind.STATE: DatagramKind.QUERY,
}
_NONCES_KEPT: Final = 16  # a late answer to an earlier try is still an answer


@dataclass(slots=True)
class _Round:
    """One question and its repetitions: ``sent`` are out, the next is due at ``next_at``."""

    kind: DatagramKind
    next_at: float
    sent: int = 0


class Notices:
    """One T-ID's side of the conversation. Times in seconds; ``server_at``: the server's."""

    def __init__(
        self,
        *,
        tid: str,
        number: int,
        secret: bytes,
        random_bytes: Callable[[int], bytes],
        is_deaf: bool = False,
    ) -> None:
        self.is_deaf = is_deaf  # nothing came back when it was asked last, for whatever T-ID
        self.silent = is_deaf  # HTTPS is to be asked meanwhile
        self._tid = tid
        self._number = number
        self._secret = secret
        self._random_bytes = random_bytes
        self._nonces: dict[bytes, DatagramKind] = {}
        self._round: _Round | None = None
        self._register_at: float | None = None
        self._ms = 0

    @property
    def due_at(self) -> float | None:
        """Return when :meth:`tick` has something to do next."""
        return self._round.next_at if self._round else self._register_at

    def register(self, *, at: float) -> None:
        """Begin to register; the first datagram is due at once."""
        self._begin(DatagramKind.REGISTER, at=at)

    def query(self, *, at: float) -> None:
        """Begin to ask for the state; the first datagram is due at once."""
        self._begin(DatagramKind.QUERY, at=at)

    def stop(self) -> None:
        """Ask nothing any more: the payment has ended."""
        self._round = self._register_at = None
        self.silent = False

    def _begin(self, kind: DatagramKind, *, at: float) -> None:
        self._register_at = None
        self._round = _Round(kind=kind, next_at=at)

    def tick(self, *, at: float, server_at: float) -> list[bytes]:
        """Return the datagrams that are due."""
        if self._round is None and self._register_at is not None and at >= self._register_at:
            self.register(at=at)
        datagrams = []
        while self._round is not None and at >= self._round.next_at:
            if self._round.sent > len(RETRY_S[self._round.kind]):
                self._give_up(self._round.kind, at=at)
            else:
                datagrams.append(self._ask(self._round, at=at, server_at=server_at))
        return datagrams

    def _ask(self, asking: _Round, *, at: float, server_at: float) -> bytes:
        waits = RETRY_S[asking.kind]
        wait_s = waits[asking.sent] if asking.sent < len(waits) else LAST_WAIT_S
        asking.next_at = at + wait_s * self._jitter()
        asking.sent += 1
        nonce = self._random_bytes(NONCE_BYTES)
        self._nonces[nonce] = asking.kind
        for oldest in list(self._nonces)[:-_NONCES_KEPT]:
            del self._nonces[oldest]
        # The address moves only to a REGISTER later than the one before.
        self._ms = max(int(server_at * 1000), self._ms + 1)
        return Datagram(
            kind=asking.kind, terminal=self._number, nonce=nonce, ms=self._ms, tid=self._tid
        ).encode(self._secret)

    def _give_up(self, kind: DatagramKind, *, at: float) -> None:
        if kind is DatagramKind.REGISTER:
            self.query(at=at)
            return
        self.silent = self.is_deaf = True
        self._round = None
        self._register_at = at + KEEP_ALIVE_S * self._jitter()

    def expects(self, answer: Datagram) -> bool:
        """Return whether a datagram whose MAC is good answers a question of this T-ID."""
        asked = _ANSWERS.get(answer.kind)
        return asked is not None and self._nonces.get(answer.nonce) is asked

    def answered(self, answer: Datagram, *, at: float) -> None:
        """Take an expected answer: nothing is repeated but the keep-alive."""
        registered = answer.kind is DatagramKind.REGISTERED
        self.silent = self.is_deaf = False
        self._round = None
        # A state that was asked for leaves the address unregistered: that is tried again soon.
        self._register_at = at + (KEEP_ALIVE_S if registered else LAST_WAIT_S)

    def acknowledge(self, result: Datagram, *, server_at: float) -> bytes:
        """Return the RESULT_ACK of a RESULT."""
        return Datagram(
            kind=DatagramKind.RESULT_ACK,
            terminal=self._number,
            nonce=result.nonce,
            ms=int(server_at * 1000),
            tid=self._tid,
            number=result.number,
        ).encode(self._secret)

    def _jitter(self) -> float:
        return 1 - SPREAD + 2 * SPREAD * self._random_bytes(1)[0] / 255
