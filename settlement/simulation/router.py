"""A router between tills and the result notification server, and what goes wrong in it on purpose.

Each till behind it gets a socket of its own towards the server, as behind address translation: the
server sees the router's address, and another port after :meth:`Router.move`.
"""

import heapq
import itertools
import json
import random
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from config.wire.client import Answer, PortalSession

_DATAGRAM_MAX: Final = 2048
_TURN_S: Final = 0.05
_LATE_S: Final = 0.4

type Address = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Weather:
    """Shares of the datagrams, each way: lost, doubled, and held back so that others pass them."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """One datagram on its way: ``is_out`` from a till to the server; ``at`` monotonic seconds."""

    is_out: bool
    data: bytes
    at: float
    is_lost: bool


class Router:
    """Carries datagrams between the tills that send to :attr:`address` and ``server``.

    ``seed`` makes the drawing of faults the same again for the same order of datagrams; ``note``
    hears of each datagram, in the router's own thread.
    """

    def __init__(
        self,
        *,
        server: Address,
        seed: int = 0,
        weather: Weather | None = None,
        note: Callable[[Passing], None] | None = None,
    ) -> None:
        self.weather = weather or Weather()
        self.counts = {"passed": 0, "lost": 0, "doubled": 0, "late": 0}
        self._server = server
        self._note = note
        self._draws = {is_out: random.Random(f"{seed}-{is_out}") for is_out in (False, True)}  # noqa: S311
        self._far: dict[Address, socket.socket] = {}
        self._retired: list[socket.socket] = []
        self._late: list[tuple[float, int, socket.socket, bytes, Address]] = []
        self._numbers = itertools.count()
        self._guard = threading.Lock()
        self._closing = threading.Event()
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        self._near = _opened()
        self._selector.register(self._near, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._carry, name="router", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        self._selector.close()
        for sock in (self._near, *self._far.values(), *self._retired):
            sock.close()

    @property
    def address(self) -> Address:
        """Where tills send to."""
        host, port = self._near.getsockname()[:2]
        return host, port

    def move(self) -> None:
        """Forget every till: each gets another port, and nothing comes in at the old one."""
        with self._guard:
            for sock in self._far.values():
                self._selector.unregister(sock)
                self._retired.append(sock)  # its port stays taken: nobody else may get it
            self._far = {}

    def throw(self, data: bytes, *, is_out: bool) -> None:
        """Let a stranger send ``data`` to the server, or to every till, by the router's ways."""
        with self._guard:
            for till, far in self._far.items():
                if is_out:
                    far.sendto(data, self._server)
                else:
                    self._near.sendto(data, till)

    def _carry(self) -> None:
        while not self._closing.is_set():
            for key, _events in self._selector.select(_TURN_S):
                with self._guard, suppress(OSError):
                    self._take(key.fileobj)
            with self._guard:
                self._let_go()

    def _take(self, sock: object) -> None:
        assert isinstance(sock, socket.socket)
        data, source = sock.recvfrom(_DATAGRAM_MAX)
        if sock is self._near:
            self._pass(self._way_out(source), data, self._server, is_out=True)
            return
        for till, far in self._far.items():
            if far is sock:
                self._pass(self._near, data, till, is_out=False)

    def _way_out(self, till: Address) -> socket.socket:
        if till not in self._far:
            self._far[till] = _opened()
            self._selector.register(self._far[till], selectors.EVENT_READ)
        return self._far[till]

    def _pass(self, sock: socket.socket, data: bytes, to: Address, *, is_out: bool) -> None:
        drawn, weather = self._draws[is_out], self.weather
        is_lost = drawn.random() < weather.lost
        is_doubled, is_late = drawn.random() < weather.doubled, drawn.random() < weather.late
        if self._note is not None:
            passing = Passing(is_out=is_out, data=data, at=time.monotonic(), is_lost=is_lost)
            self._note(passing)
        if is_lost:
            self.counts["lost"] += 1
            return
        self.counts["passed"] += 1
        self.counts["doubled"] += is_doubled
        self.counts["late"] += is_late
        for _ in range(1 + is_doubled):
            if is_late:
                due = time.monotonic() + _LATE_S
                heapq.heappush(self._late, (due, next(self._numbers), sock, data, to))
            else:
                sock.sendto(data, to)

    def _let_go(self) -> None:
        while self._late and self._late[0][0] <= time.monotonic():
            _due, _number, sock, data, to = heapq.heappop(self._late)
            with suppress(OSError):
                sock.sendto(data, to)


class Rerouted(PortalSession):
    """The signed line of a till behind a router: that is where it finds the server."""

    rns: Address

    @classmethod
    def of(cls, session: PortalSession, *, rns: Address) -> Self:
        """Return the line of the same device, on which answers name ``rns`` as the server."""
        made = cls.__new__(cls)
        made.__dict__.update(session.__dict__)
        made.rns = rns
        return made

    def post(
        self,
        path: str,
        *,
        body: Mapping[str, Any] | bytes | None = None,
        idempotency_key: str | None = None,
        within_s: float | None = None,
    ) -> Answer:
        """Post as any device does; an answer that names the server names the router."""
        answer = super().post(path, body=body, idempotency_key=idempotency_key, within_s=within_s)
        document = answer.json()
        if "rns" not in document:
            return answer
        host, port = self.rns
        named = document | {"rns": {"host": host, "port": port}}
        return replace(answer, body=json.dumps(named).encode())


def _opened() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock
