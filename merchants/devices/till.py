"""A till at work: one terminal with a real socket, the portal and relays (protocol section 4).

The pure terminal says what to send and to ask; here is who does it. Each call has a thread of its
own, so that a portal that hangs keeps no customer waiting, and a T-ID is shown while its request
is on its way: neither waits for the other.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, Self

import httpx

from config.wire.client import COSE, Answer, PortalRefused, PortalSession, PortalUnreachable
from merchants.devices.bills import RelayCall, Slot
from merchants.devices.sale_facts import Call, CallKind
from merchants.devices.terminal import Effect, Send, Shown, Terminal

RELAY_WITHIN_S: Final = 3.0
CALLS_AT_ONCE: Final = 16
_DATAGRAM_MAX: Final = 2048  # more than a datagram has: a longer one must not pass for a whole one
_LOOK_EVERY_S: Final = 0.1


class Till:
    """Runs a terminal from ``with`` to its end.

    ``session`` should try once, for the terminal repeats by itself. ``local`` is the address its
    datagrams leave from. ``on_change`` hears of each sale that is shown anew, from any thread.
    """

    def __init__(
        self,
        *,
        terminal: Terminal,
        session: PortalSession,
        http: httpx.Client,
        local: str = "127.0.0.1",
        clock: Callable[[], float] = time.time,
        on_change: Callable[[Shown], None] | None = None,
    ) -> None:
        self._terminal = terminal
        self._session = session
        self._http = http
        self._local = local
        self._clock = clock
        self._on_change = on_change
        self._changed = threading.Condition()  # its lock guards the terminal
        self._calls = ThreadPoolExecutor(max_workers=CALLS_AT_ONCE, thread_name_prefix="till")
        self._closing = threading.Event()
        self._shown: dict[str, Shown] = {}

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self._local, 0))
        self._socket.settimeout(_LOOK_EVERY_S)
        self._thread = threading.Thread(target=self._listen, name="till", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        self._calls.shutdown(cancel_futures=True)
        self._socket.close()

    def sell(
        self,
        *,
        amount_minor: int,
        currency: str,
        show: Callable[[str], None],
        order: str = "",
        slot: Slot | None = None,
    ) -> str:
        """Ask for a payment and ``show`` its T-ID to the customer at the same time; return it.

        :raises CounterExhausted: the terminal has to enrol anew
        :raises Malformed: what is to be paid makes no T-ID or bill
        """
        with self._changed:
            tid, effects = self._terminal.request(
                amount_minor=amount_minor,
                currency=currency,
                at=self._clock(),
                order=order,
                slot=slot,
            )
        self._do(effects)  # handed to other threads
        show(tid)
        self._step(lambda at: [])
        return tid

    def cancel(self, tid: str) -> None:
        """End a payment, or reverse a paid one.

        :raises UnknownSale: no such T-ID here
        """
        self._step(lambda at: self._terminal.cancel(tid=tid, at=at))

    def show(self, tid: str) -> Shown:
        """Return what the screen says about a T-ID.

        :raises UnknownSale: no such T-ID here
        """
        with self._changed:
            return self._terminal.show(tid=tid)

    def wait(self, tid: str, *, until: Callable[[Shown], bool], within_s: float) -> Shown:
        """Return what is shown once ``until`` holds, or whatever is after ``within_s`` seconds.

        :raises UnknownSale: no such T-ID here
        """
        with self._changed:
            self._changed.wait_for(lambda: until(self._terminal.show(tid=tid)), timeout=within_s)
            return self._terminal.show(tid=tid)

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                self._take(self._next_datagram())
            except OSError:
                # The disk is full: nothing is acknowledged, and all is tried again.
                self._closing.wait(_LOOK_EVERY_S)

    def _take(self, data: bytes) -> None:
        self._step(lambda at: self._terminal.received(data, at=at) if data else [])

    def _next_datagram(self) -> bytes:
        try:
            return self._socket.recv(_DATAGRAM_MAX)
        except OSError:
            return b""  # none, or a router said that nobody is there

    def _step(self, act: Callable[[float], list[Effect]]) -> None:
        """Let the terminal take something, then do what it wants; tell what is shown anew."""
        with self._changed:
            at = self._clock()
            effects = act(at) + self._terminal.tick(at=at)
            news = self._news()
            if news:
                self._changed.notify_all()
        self._do(effects)
        if self._on_change is not None:
            for shown in news:
                self._on_change(shown)

    def _news(self) -> list[Shown]:
        before, self._shown = self._shown, {one.tid: one for one in self._terminal.show_all()}
        return [one for tid, one in self._shown.items() if before.get(tid) != one]

    def _do(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                with suppress(OSError):  # a lost datagram like any other
                    self._socket.sendto(effect.data, effect.address)
            elif not self._closing.is_set():
                with suppress(RuntimeError):  # closed just now: asked again after the restart
                    self._calls.submit(self._ask, effect)

    def _ask(self, call: Call | RelayCall) -> None:
        if isinstance(call, RelayCall):
            self._ask_relay(call)
        else:
            self._ask_portal(call)

    def _ask_portal(self, call: Call) -> None:
        try:
            answer = self._answer(call)
            document = answer.json()
        except PortalUnreachable:
            self._step(lambda at: self._terminal.unreachable(call, at=at))
        except PortalRefused as problem:
            refused = problem  # the name of an exception ends with its clause
            state = str(refused.problem.get("state", ""))
            self._step(
                lambda at: self._terminal.refused(
                    call, status=refused.status, code=refused.code, state=state, at=at
                )
            )
        else:
            told_at = _date(answer)
            self._step(
                lambda at: self._terminal.answered(call, document, at=at, server_time=told_at)
            )

    def _answer(self, call: Call) -> Answer:
        if call.kind is CallKind.LOOK:
            return self._session.get(call.path)
        return self._session.post(call.path, body=call.body, idempotency_key=call.idempotency_key)

    def _ask_relay(self, call: RelayCall) -> None:
        url = f"{call.slot.url}/bills/{call.slot.name}"
        try:
            response = self._http.request(
                call.method,
                url,
                content=call.body,
                headers={"content-type": COSE},
                timeout=RELAY_WITHIN_S,
            )
        except httpx.RequestError:
            self._step(lambda at: self._terminal.unreachable(call, at=at))
            return
        if response.is_success:
            self._step(lambda at: self._terminal.relay_consented(call, at=at))
        elif response.is_client_error or response.status_code == HTTPStatus.INSUFFICIENT_STORAGE:
            code = _code(response)
            self._step(lambda at: self._terminal.relay_refused(call, code=code, at=at))
        else:
            self._step(lambda at: self._terminal.unreachable(call, at=at))


def _code(response: httpx.Response) -> str:
    try:
        return str(response.json()["code"])
    except (LookupError, TypeError, ValueError):
        return "relay_refused"


def _date(answer: Answer) -> float | None:
    """Return the server's time by the answer's Date header (RFC 9110 section 6.6.1)."""
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (LookupError, TypeError, ValueError):
        return None
