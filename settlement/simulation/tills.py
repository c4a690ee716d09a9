"""The simulated tills: one process of cash desks, each with its own terminal, router and state.

``python -m settlement.simulation.tills FOLDER NAME ORIGIN``; see :mod:`reader` for the words.
"""

import secrets
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import httpx

from config.wire import b64, durable
from config.wire.client import PortalSession, enrol
from config.wire.keys import SigningKey
from merchants.devices import tids
from merchants.devices.bills import Slot
from merchants.devices.identity import Identity
from merchants.devices.sale_book import UnknownSale
from merchants.devices.sale_facts import Display
from merchants.devices.terminal import Shown, Terminal
from merchants.devices.till import Till
from settlement.simulation.journal import Journal
from settlement.simulation.orders import Answer, Order, serve
from settlement.simulation.router import Address, Rerouted, Router, Weather

OPEN: Final = frozenset({Display.REQUESTED, Display.OPENED, Display.CHECKING})
_THREADS: Final = 16
_TIMEOUT_S: Final = 5.0
_ORDERS: Final = (
    "resume",
    "enrol",
    "sell",
    "cancel",
    "weather",
    "move",
    "restart",
    "settle",
)


class Wire(httpx.HTTPTransport):
    """HTTP of a till; its next request is held back for ``held_s`` seconds."""

    held_s = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry ``request`` out, late if it is to be."""
        held_s, self.held_s = self.held_s, 0.0
        time.sleep(held_s)
        return super().handle_request(request)


class SimulatedTill:
    """One till of a shop behind a router of its own."""

    def __init__(
        self,
        *,
        folder: Path,
        number: int,
        origin: str,
        journal: Journal,
    ) -> None:
        self._path = folder / f"till-{number}.json"
        self._counter = folder / f"till-{number}.counter"
        self._number = number
        self._origin = origin
        self._journal = journal
        self._wire = Wire()
        self._http = httpx.Client(transport=self._wire, timeout=_TIMEOUT_S, trust_env=False)
        self._router: Router | None = None
        self._rns: Address = ("", 0)
        self._till: Till | None = None
        self._power = ExitStack()
        self._latest: dict[str, Shown] = {}
        self._sold: list[str] = []
        self._guard = threading.RLock()  # a till that is switched off sells nothing meanwhile

    def resume(self) -> Answer:
        """Come back from the disk, if this till was enrolled before."""
        kept = durable.read(path=self._path)
        if kept is None:
            return {"device": None}
        self._rns = (kept["rns"][0], kept["rns"][1])
        identity = Identity.from_state(kept["terminal"]["identity"])
        self._switch_on(identity, kept["terminal"])
        return {"device": identity.device}

    def enrol(self, *, code: str, name: str, merchant: str) -> Answer:
        """Become a terminal of the shop whose code this is."""
        self._power.close()
        key = SigningKey.generate()
        told = enrol(
            session=self._session(key, b64.encode(key.kid)),
            code=code,
            kind="TERMINAL",
            name=name,
            public_key=key.public,
        )
        identity = Identity(
            device=told["device"],
            merchant=merchant,
            number=told["number"],
            secret=b64.decode(told["secret"]),
            key=key,
        )
        self._rns = (told["rns"]["host"], told["rns"]["port"])
        self._counter.unlink(missing_ok=True)
        self._switch_on(identity, None)
        self._note("enrol", result="ok", device=identity.device)
        return {"device": identity.device}

    def sell(
        self,
        *,
        sale: int,
        amount_minor: int,
        currency: str,
        slot: dict[str, str] | None = None,
        held_s: float = 0.0,
    ) -> Answer:
        """Ring an amount up and return its T-ID; ``held_s``: the request leaves that much later."""
        self._wire.held_s = held_s
        with self._guard:
            tid = self._on.sell(
                amount_minor=amount_minor,
                currency=currency,
                show=lambda _tid: None,
                order=f"S-{sale}",
                slot=None if slot is None else Slot(**slot),
            )
        self._sold.append(tid)
        facts = {"amount_minor": amount_minor, "currency": currency, "by_relay": slot is not None}
        self._note("sale", result="ok", sale=sale, tid=tid, **facts)
        return {"tid": tid}

    def cancel(self, *, tid: str) -> Answer:
        """End a sale, or reverse a paid one."""
        with self._guard:
            self._on.cancel(tid)
        return {}

    def weather(self, *, kind: str, lost: float, doubled: float, late: float) -> Answer:
        """Let datagrams be lost, doubled or late from now on, both ways; ``kind``: the fault."""
        assert self._router is not None, "a till is switched on first"
        self._router.weather = Weather(lost=lost, doubled=doubled, late=late)
        if kind:
            self._note("fault", result=kind)
        return {}

    def move(self, *, kind: str) -> Answer:
        """Let the router give this till another port."""
        assert self._router is not None, "a till is switched on first"
        self._router.move()
        self._note("fault", result=kind)
        return {}

    def restart(self, *, kind: str) -> Answer:
        """Cut the till's power and switch it on again."""
        self._note("fault", result=kind)
        with self._guard:
            self._power.close()
            return self.resume()

    def settle(self, *, patience_s: float) -> Answer:
        """Wait until no sale is open, and write down what is shown of each; return those open."""
        until = time.monotonic() + patience_s
        for tid in self._sold:
            self._note_end(tid, within_s=until - time.monotonic())
        still = [tid for tid in self._sold if self._latest[tid].display in OPEN]
        self._latest = {tid: self._latest[tid] for tid in still}
        self._sold = still
        return {"open": still}

    def _note_end(self, tid: str, *, within_s: float) -> None:
        with suppress(UnknownSale):  # long at rest and forgotten: what was shown last stands
            self._latest[tid] = self._on.wait(
                tid, until=lambda one: one.display not in OPEN, within_s=max(0.0, within_s)
            )
        self._note_shown("closed", self._latest[tid])

    def _note_shown(self, op: str, shown: Shown) -> None:
        facts = asdict(shown)
        self._note(op, result=facts.pop("display"), **facts)

    def _changed(self, shown: Shown) -> None:
        self._latest[shown.tid] = shown
        self._note_shown("screen", shown)

    def _note(self, op: str, *, result: str, **facts: Any) -> None:
        self._journal.note(op, result=result, till=self._number, **facts)

    @property
    def _on(self) -> Till:
        assert self._till is not None, "a till is enrolled or resumed before any other order"
        return self._till

    def _switch_on(self, identity: Identity, kept: dict[str, Any] | None) -> None:
        self._power = ExitStack()
        self._router = self._power.enter_context(Router(server=self._rns, seed=self._number))
        session = Rerouted.of(
            self._session(identity.key, identity.device), rns=self._router.address
        )
        terminal = self._terminal(identity, kept)
        till = Till(terminal=terminal, session=session, http=self._http, on_change=self._changed)
        self._till = self._power.enter_context(till)

    def _terminal(self, identity: Identity, kept: dict[str, Any] | None) -> Terminal:
        callbacks: dict[str, Any] = {
            "save": self._save,
            "save_counter": lambda taken: tids.save_counter(path=self._counter, counter=taken),
            "random_bytes": secrets.token_bytes,
            "counter": tids.read_counter(path=self._counter),
        }
        if kept is None:
            return Terminal(identity=identity, **callbacks)
        return Terminal.from_state(kept, at=time.time(), **callbacks)

    def _save(self, state: dict[str, Any]) -> None:
        durable.write(path=self._path, state={"rns": list(self._rns), "terminal": state})

    def _session(self, key: SigningKey, keyid: str) -> PortalSession:
        return PortalSession(
            http=self._http,
            origin=self._origin,
            key=key,
            keyid=keyid,
            clock=time.time,
            random_bytes=secrets.token_bytes,
            sleep=time.sleep,
            attempts=1,
        )


class CashDesks:
    """All tills of this process, made when first spoken of; each order names its till."""

    def __init__(self, *, folder: Path, name: str, origin: str) -> None:
        self._folder = folder
        self._origin = origin
        self._journal = Journal(folder / f"{name}.jsonl")
        self._tills: dict[int, SimulatedTill] = {}

    def orders(self) -> dict[str, Order]:
        """Return what the conductor may order."""
        return {name: self._order(name) for name in _ORDERS}

    def _order(self, name: str) -> Order:
        def carry_out(*, till: int, **words: Any) -> Answer:
            answer: Answer = getattr(self._till(till), name)(**words)
            return answer

        return carry_out

    def _till(self, number: int) -> SimulatedTill:
        if (found := self._tills.get(number)) is not None:
            return found
        fresh = SimulatedTill(
            folder=self._folder, number=number, origin=self._origin, journal=self._journal
        )
        return self._tills.setdefault(number, fresh)


def main() -> None:
    """Run the tills until their pipe is closed."""
    folder, name, origin = sys.argv[1:4]
    desks = CashDesks(folder=Path(folder), name=name, origin=origin)
    serve(orders=desks.orders(), threads=_THREADS)


if __name__ == "__main__":
    main()
