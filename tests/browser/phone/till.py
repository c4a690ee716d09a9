"""A shop's terminal and its relay, as outside clients of the portal; nothing of them is shown."""

import hashlib
import itertools
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from config.wire import b64, client
from config.wire.client import PortalSession
from config.wire.keys import SigningKey, kid_of
from merchants.wire import Bill
from merchants.wire import tid as tids
from tests.journeys.portal import PAYDESK, Portal, bare_environment

SERVES = re.compile(r"Relay (\S+) serves (http://\S+?)/ ")
LIFE_S = 300


@dataclass(kw_only=True)
class Till:
    """An enrolled terminal: makes T-IDs, asks to be paid, looks at how it went, gives back."""

    session: PortalSession
    device: str
    merchant: str
    number: int
    secret: bytes
    key: SigningKey
    counters: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def tid(self, amount: int, *, currency: str = "KRW", order: str = "") -> str:
        """Return a new T-ID; the portal hears of it with :meth:`ask` alone."""
        return tids.tid(
            number=self.number,
            counter=next(self.counters),
            random=int.from_bytes(os.urandom(3)),
            amount=amount,
            currency=currency,
            order=order,
            secret=self.secret,
        )

    def ask(self, tid: str, amount: int, *, order: str = "", bill: bytes = b"") -> str:
        """Ask to be paid and return the T-ID."""
        body: dict[str, Any] = {"tid": tid, "amount": amount, "currency": "KRW", "order": order}
        if bill:
            body["bill_digest"] = b64.encode(hashlib.sha256(bill).digest())
        self.session.post("/terminal/payments", body=body)
        return tid

    def sale(self, amount: int, *, order: str = "") -> str:
        return self.ask(self.tid(amount, order=order), amount, order=order)

    def look(self, tid: str) -> dict[str, Any]:
        return self.session.get(f"/terminal/payments/{tid}").json()

    def act(self, tid: str, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.session.post(f"/terminal/payments/{tid}/{what}", body=body).json()

    def bill(self, tid: str, amount: int, *, relay: str, order: str) -> Bill:
        return Bill(
            merchant=self.merchant,
            terminal=self.number,
            tid=tid,
            amount=amount,
            currency="KRW",
            order=order,
            nonce=os.urandom(16),
            expires=int(time.time()) + LIFE_S,
            relay=relay,
        )

    def leave(self, relay: "Relay", amount: int, *, order: str, shown: int = 0) -> str:
        """Leave a bill at the relay and ask for it; ``shown``: another amount for the portal."""
        asked = shown or amount
        tid = self.tid(asked, order=order)
        signed = self.bill(tid, amount, relay=relay.device, order=order).sign(key=self.key)
        relay.put(order, signed)
        return self.ask(tid, asked, order=order, bill=signed)


@dataclass(frozen=True, kw_only=True)
class Relay:
    device: str
    origin: str

    def put(self, slot: str, bill: bytes) -> None:
        told = httpx.put(
            f"{self.origin}/bills/{slot}",
            content=bill,
            headers={"content-type": client.COSE},
            timeout=10,
        )
        assert told.status_code == 201, told.text


def enrolled(portal: Portal, merchant: str) -> Till:
    """Enrol a terminal of the shop."""
    key = SigningKey.generate()
    code = portal.manage("enrolment_code", "--kind", "TERMINAL", "--merchant", merchant)["code"]
    told = client.enrol(
        session=_session(portal, key, b64.encode(kid_of(key.public))),
        code=code,
        kind="TERMINAL",
        name="Till",
        public_key=key.public,
    )
    return Till(
        session=_session(portal, key, told["device"]),
        device=told["device"],
        merchant=merchant,
        number=told["number"],
        secret=b64.decode(told["secret"]),
        key=key,
    )


def _session(portal: Portal, key: SigningKey, keyid: str) -> PortalSession:
    return PortalSession(
        http=httpx.Client(timeout=15),
        origin=portal.origin,
        key=key,
        keyid=keyid,
        clock=time.time,
        random_bytes=os.urandom,
        sleep=time.sleep,
    )


@contextmanager
def relay(portal: Portal, till: Till) -> Iterator[Relay]:
    """Run ``./paydesk relay`` beside the portal, paired with the till."""
    words = ("enrolment_code", "--kind", "RELAY", "--merchant", till.merchant)
    code = portal.manage(*words)["code"]
    process = subprocess.Popen(
        [PAYDESK, "relay", "--portal", portal.origin, "--code", code, "--port", "0"],
        env=bare_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = next(match for line in process.stdout if (match := SERVES.search(line)))
        started = Relay(device=found[1], origin=found[2])
        portal.manage("relay_pair", "--relay", started.device, "--terminal", till.device)
        yield started
    finally:
        process.terminate()
        process.wait(10)
