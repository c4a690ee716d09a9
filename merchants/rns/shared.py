"""What the threads of one process share."""

import queue
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from merchants.rules.answering import Answering, Aside, Asked, Key
from merchants.rules.journal import Journal
from merchants.rules.paces import Networks, Pace
from merchants.rules.statuses import Status, StatusMap

SET_ASIDE_MAX: Final = 10_000
JOURNAL_MAX: Final = 20_000
# Between two writings of the log, which are half a second apart.
QUERY_LINES: Final = 100
# Terminals of one network that are not in memory: each costs a look-up before its MAC is checked.
STRANGERS_PER_S: Final = 20
STRANGERS_AT_ONCE: Final = 100

# linux/sock_diag.h; Python does not name them.
_SO_MEMINFO: Final = 55
_SK_MEMINFO_DROPS: Final = 8


class TidStatus(Protocol):
    """What settlement tells of one T-ID's payment."""

    @property
    def tid(self) -> str: ...
    @property
    def device_number(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def approval_code(self) -> str: ...


class Statuses(Protocol):
    """The seam to settlement: payments by T-ID, those alone that exist."""

    def __call__(self, *, tids: Sequence[str]) -> Mapping[str, TidStatus]: ...


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one process takes and holds; a second each, twice as many at once."""

    terminal_per_s: float = 1000
    network_per_s: float = 5000
    tids: int = 500_000
    terminals: int = 100_000


@dataclass(kw_only=True)
class Shared:
    """The socket, what memory knows, what waits for the desk; ``clock`` tells the time."""

    sock: socket.socket
    lookup: Statuses
    limits: Limits
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    keys: dict[int, Key] = field(default_factory=dict)
    statuses: StatusMap = field(init=False)
    networks: Networks = field(init=False)
    strangers: Networks = field(init=False)
    journal: Journal = field(init=False)
    aside: queue.SimpleQueue[Aside | Asked] = field(default_factory=queue.SimpleQueue)
    answerings: list[Answering] = field(default_factory=list)
    turned_at: dict[str, float] = field(default_factory=dict)  # by thread, monotonic

    def __post_init__(self) -> None:
        per_s = self.limits.network_per_s
        self.statuses = StatusMap(most=self.limits.tids)
        self.networks = Networks(pace=Pace.of(per_s=per_s, burst=2 * per_s))
        self.strangers = Networks(pace=Pace.of(per_s=STRANGERS_PER_S, burst=STRANGERS_AT_ONCE))
        self.journal = Journal(most=JOURNAL_MAX, room=QUERY_LINES)

    def answering(self) -> Answering:
        """Return a thread's own, whose counts add up with the others'."""
        per_s = self.limits.terminal_per_s
        made = Answering(
            keys=self.keys,
            statuses=self.statuses,
            networks=self.networks,
            pace=Pace.of(per_s=per_s, burst=2 * per_s),
            journal=self.journal,
            set_aside=self._set_aside,
        )
        self.answerings.append(made)
        return made

    def known(self, *, tids: Sequence[str]) -> dict[str, Status]:
        """Ask the database for the payments of ``tids``, and remember what it says."""
        told = self.lookup(tids=tids) if tids else {}
        statuses = {
            tid: Status(
                tid=tid,
                number=each.device_number,
                state=each.state,
                amount_minor=each.amount_minor,
                currency=each.currency,
                approval_code=each.approval_code or "",
            )
            for tid, each in told.items()
        }
        self.statuses.put(statuses.values())
        return statuses

    def send(self, data: bytes, place: tuple[str, int]) -> bool:
        """Send without waiting; say whether the system took it. What is lost is sent again."""
        try:
            self.sock.sendto(data, socket.MSG_DONTWAIT, place)
        except OSError:
            return False
        return True

    def overflowed(self) -> int:
        """Return how many datagrams the system dropped because nobody took them in time."""
        if sys.platform != "linux":
            return 0
        told = self.sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * (_SK_MEMINFO_DROPS + 1))
        return int.from_bytes(told[4 * _SK_MEMINFO_DROPS :], sys.byteorder)

    def turned(self, thread: str) -> None:
        """Note that a thread goes round."""
        self.turned_at[thread] = time.monotonic()

    def _set_aside(self, aside: Aside | Asked) -> bool:
        if self.aside.qsize() >= SET_ASIDE_MAX:
            return False
        if isinstance(aside, Aside) and not self.strangers.charge(
            address=aside.source[0], at=aside.at
        ):
            return False
        self.aside.put(aside)
        return True
