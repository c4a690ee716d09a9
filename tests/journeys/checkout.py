"""Tills and relays of a shop, on real sockets, and what a test does to them (mission §3 and §4)."""

import hashlib
import itertools
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from config.stack.program import birth
from config.wire import b64, client, durable
from config.wire.client import PortalRefused, PortalSession
from config.wire.keys import SigningKey
from merchants.devices import tids as counters
from merchants.devices.bills import Slot
from merchants.devices.identity import Identity
from merchants.devices.sale_facts import Display
from merchants.devices.terminal import Shown, Terminal
from merchants.devices.till import Till
from merchants.wire import Bill
from merchants.wire import tid as tids
from merchants.wire.datagram import Datagram, DatagramKind
from settlement.simulation.router import Rerouted, Weather
from tests.journeys.counter import now
from tests.journeys.desk import Desk
from tests.journeys.portal import PAYDESK, Portal, bare_environment
from tests.journeys.street import Handset, Shop, Street
from tests.journeys.waiting import eventually
from wallets.devices.purchase import Purchase

CURRENCY = "KRW"
PIN = "7263519408"  # long enough to be found nowhere by chance
NOTHING_PASSES = Weather(lost=1.0)
UNKNOWN = (Display.REQUESTED, Display.OPENED, Display.CHECKING)
_BY_HAND = 20_000_000  # counters of T-IDs made by hand, beyond those of any till here
_SERVES = re.compile(r"Relay (\S+) serves (http://\S+)/ ")


@dataclass(kw_only=True)
class Stand:
    """A shop's terminal with its disk. Switched on it is a till; off, only the disk is left.

    ``session`` is its signed line to the portal, ``rns`` where its datagrams go.
    """

    identity: Identity
    session: PortalSession
    http: httpx.Client
    folder: Path
    rns: tuple[str, int]
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(_BY_HAND))

    @contextmanager
    def on(
        self,
        *,
        rns: tuple[str, int] | None = None,
        session: PortalSession | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Iterator[Till]:
        """Switch the terminal on; it goes on from its disk. ``rns``: it sits behind a router."""
        session = session or self.session
        session = session if rns is None else Rerouted.of(session, rns=rns)
        terminal = self._terminal(at=clock())
        with Till(terminal=terminal, session=session, http=self.http, clock=clock) as till:
            yield till

    def _terminal(self, *, at: float) -> Terminal:
        counter = counters.read_counter(path=self._counter)
        kept = self.kept()
        callbacks: dict[str, Any] = {
            "save": lambda state: durable.write(path=self._state, state=state),
            "save_counter": lambda next_: counters.save_counter(path=self._counter, counter=next_),
            "random_bytes": os.urandom,
            "counter": counter,
        }
        if kept is None:
            return Terminal(identity=self.identity, **callbacks)
        return Terminal.from_state(kept, at=at, **callbacks)

    def kept(self) -> dict[str, Any] | None:
        """Return what lies on the terminal's disk."""
        return durable.read(path=self._state)

    @property
    def _state(self) -> Path:
        return self.folder / f"{self.identity.device}.json"

    @property
    def _counter(self) -> Path:
        return self.folder / f"{self.identity.device}.counter"

    def new_tid(self, amount: int, *, order: str = "") -> str:
        """Make a T-ID by hand; nobody has asked for anything yet."""
        return tids.tid(
            number=self.identity.number,
            counter=next(self.numbers),
            random=int.from_bytes(os.urandom(3)),
            amount=amount,
            currency=CURRENCY,
            order=order,
            secret=self.identity.secret,
        )

    def ask(self, tid: str, amount: int, **more: Any) -> dict[str, Any]:
        """Ask the portal for a payment, and return its answer."""
        body = {"tid": tid, "amount": amount, "currency": CURRENCY} | more
        return self.session.post("/terminal/payments", body=body).json()

    def look(self, tid: str) -> dict[str, Any]:
        """Return the payment as the portal tells it to its terminal."""
        return self.session.get(f"/terminal/payments/{tid}").json()

    def state(self, tid: str) -> str:
        """Return a payment's state, "" while the portal has none."""
        try:
            return str(self.look(tid)["state"])
        except PortalRefused:
            return ""

    def bill(self, amount: int, *, relay: str, expires: int = 0, order: str = "") -> "Handmade":
        """Ask for a payment by a bill that is not left anywhere yet."""
        tid = self.new_tid(amount, order=order)
        bill = Bill(
            merchant=self.identity.merchant,
            terminal=self.identity.number,
            tid=tid,
            amount=amount,
            currency=CURRENCY,
            order=order,
            nonce=os.urandom(16),
            expires=expires or now() + 300,
            relay=relay,
        )
        made = Handmade(tid=tid, bill=bill, data=bill.sign(key=self.identity.key))
        digest = b64.encode(hashlib.sha256(made.data).digest())
        self.ask(tid, amount, bill_digest=digest, **({"order": order} if order else {}))
        return made


@dataclass(frozen=True, kw_only=True)
class Handmade:
    """A bill made by hand, and the T-ID asked for with it."""

    tid: str
    bill: Bill
    data: bytes


class Wire:
    """A UDP socket that speaks for a stand, datagram by datagram."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(10)

    def close(self) -> None:
        self.sock.close()

    def send(self, kind: DatagramKind, tid: str, **more: Any) -> Datagram:
        fields = {"nonce": os.urandom(8), "ms": int(time.time() * 1000)} | more
        made = Datagram(kind=kind, terminal=self._stand.identity.number, tid=tid, **fields)
        self.sock.sendto(made.encode(self._stand.identity.secret), self._stand.rns)
        return made

    def receive(self) -> Datagram:
        """Return the next datagram, whose MAC is good and which the server's address sent."""
        data, source = self.sock.recvfrom(2048)
        assert source == self._stand.rns
        return Datagram.decode(data, self._stand.identity.secret)

    def register(self, tid: str) -> Datagram:
        """Register, and return the answer."""
        asked = self.send(DatagramKind.REGISTER, tid)
        told = self.receive()
        assert (told.kind, told.nonce) == (DatagramKind.REGISTERED, asked.nonce)
        return told

    def result(self, tid: str) -> Datagram:
        """Return the result of a T-ID, acknowledged."""
        while (told := self.receive()).kind is not DatagramKind.RESULT or told.tid != tid:
            pass
        self.send(DatagramKind.RESULT_ACK, tid, nonce=told.nonce, number=told.number)
        return told


class RelayStand:
    """A relay of a shop: ``./paydesk relay`` as a process of its own."""

    def __init__(self, *, portal: Portal, state: Path, code: str = "", slots: int = 16) -> None:
        self._portal, self.state, self._slots = portal, state, slots
        self.log = state.with_suffix(".log")
        self._start("--code", code)

    def _start(self, *words: str) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [
                    *(PAYDESK, "relay", "--portal", self._portal.origin, "--port", "0"),
                    *("--state", str(self.state), "--slots", str(self._slots), *words),
                ],
                env=bare_environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=birth(parting_signal=signal.SIGTERM),  # noqa: PLW1509  it ends with us
            )
        served = len(_SERVES.findall(self.log.read_text()))
        found = eventually(lambda: _SERVES.findall(self.log.read_text())[served:], within_s=30)
        self.device, self.url = found[0]

    def slot(self, name: str) -> Slot:
        return Slot(relay=self.device, url=self.url, name=name)

    def bills(self) -> list[dict[str, Any]]:
        """Return what the relay says it holds."""
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/bills", timeout=5).json()["bills"]
        return found

    def holds(self, order: str) -> bool:
        return order in {bill["order"] for bill in self.bills()}

    def order_in(self, slot: str) -> str:
        """Return the order whose bill lies in a slot, "" where none does."""
        return next((bill["order"] for bill in self.bills() if bill["slot"] == slot), "")

    def put(self, slot: str, data: bytes) -> httpx.Response:
        """Leave a bill as a terminal does."""
        headers = {"content-type": client.COSE}
        return httpx.put(f"{self.url}/bills/{slot}", content=data, headers=headers, timeout=10)

    def restart(self) -> None:
        """Cut its power, and switch it on again."""
        self.process.kill()
        self.process.wait(10)
        self._start()

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(10) == 0, self.log.read_text()


def stand(street: Street, shop: Shop, *, folder: Path) -> Stand:
    """Enrol a terminal of the shop."""
    key = SigningKey.generate()
    told = street.enrol("TERMINAL", owner=("--merchant", shop.merchant), key=key)
    identity = Identity(
        device=told["device"],
        merchant=shop.merchant,
        number=told["number"],
        secret=b64.decode(told["secret"]),
        key=key,
    )
    return Stand(
        identity=identity,
        session=street.session(key, told["device"], attempts=1),
        http=httpx.Client(timeout=5),
        folder=folder,
        rns=(told["rns"]["host"], told["rns"]["port"]),
    )


def relay(street: Street, shop: Shop, *, folder: Path, name: str = "table") -> RelayStand:
    """Enrol a relay of the shop and start it; it is paired with nobody yet."""
    code = street.portal.manage("enrolment_code", "--kind", "RELAY", "--merchant", shop.merchant)
    return RelayStand(portal=street.portal, state=folder / f"{name}.json", code=code["code"])


def enrolled_relay(street: Street, shop: Shop) -> str:
    """Enrol a relay of the shop that never serves; return its device."""
    told = street.enrol("RELAY", owner=("--merchant", shop.merchant), key=SigningKey.generate())
    return str(told["device"])


def pair(street: Street, *, relay: str, stand: Stand) -> None:
    """Let the terminal leave bills at the relay."""
    street.portal.manage("relay_pair", "--relay", relay, "--terminal", stand.identity.device)


def often(street: Street, desk: Desk) -> str:
    """Add a programme whose cards may pay a thousand times an hour, by the page for it."""
    page = desk.submit(
        f"/issuer/{street.programme['issuer']}/programmes/new",
        to="/programmes/new",
        name="Pays often",
        kind=street.programme["kind"],
        currency=CURRENCY,
        certificate_rule="AUTO",
        velocity_count="1000",
    )
    return page.url.path.rstrip("/").rpartition("/")[2]


def sell(till: Till, amount: int, **more: Any) -> str:
    """Ring up an amount; return the T-ID, whose request is on its way."""
    return till.sell(amount_minor=amount, currency=CURRENCY, show=lambda _tid: None, **more)


def buy(phone: Handset, tid: str, card: bytes) -> Purchase:
    """Claim a T-ID and pay it."""
    return approve(phone, phone.purchases.claim(tid), card)


def approve(phone: Handset, purchase: Purchase, card: bytes) -> Purchase:
    """Pay what the phone shows."""
    return phone.purchases.approve(purchase, card=card, pin=PIN)


def final(till: Till, tid: str, *, within_s: float = 30) -> Shown:
    """Return what the till shows once it knows the end."""
    shown = till.wait(tid, until=lambda one: one.display not in UNKNOWN, within_s=within_s)
    assert shown.display not in UNKNOWN, shown
    return shown
