"""A shop's tills and its relay beside a running portal, made of codes, requests and sockets."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from config.stack.program import birth
from config.wire import b64, durable
from config.wire.client import PortalSession
from config.wire.keys import SigningKey
from merchants.devices.bills import Slot
from merchants.devices.identity import Identity
from merchants.devices.terminal import Send, Shown, Terminal
from merchants.devices.tids import read_counter, save_counter
from merchants.devices.till import Till
from merchants.wire import ReaderCertificate
from tests.journeys.portal import PAYDESK, bare_environment
from tests.journeys.street import PROGRAMME_CURRENCY, Shop, Street

WITHIN_S = 20
SERVES = re.compile(r"Relay (\S+) serves (http://\S+)/ for")


class DeafTill(Till):
    """A till behind a router that lets no datagram through, either way."""

    def _do(self, effects: Any) -> None:
        super()._do([effect for effect in effects if not isinstance(effect, Send)])


@dataclass(kw_only=True)
class Desk:
    """A till on a counter with its folder, which outlives a restart."""

    street: Street
    shop: Shop
    folder: Path
    device: str
    session: PortalSession
    kind: type[Till] = Till
    history: list[Shown] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.switch_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.till.__exit__()

    def switch_on(self) -> None:
        """Start the till from its files, as after a power cut."""
        state = durable.read(path=self._state)
        assert state is not None
        terminal = Terminal.from_state(
            state,
            counter=read_counter(path=self._counter),
            at=time.time(),
            save=self._save,
            save_counter=lambda counter: save_counter(path=self._counter, counter=counter),
            random_bytes=os.urandom,
        )
        till = self.kind(
            terminal=terminal,
            session=self.session,
            http=self.street.http,
            on_change=self.history.append,
        )
        self.till = till.__enter__()

    def restart(self) -> None:
        self.till.__exit__()
        self.switch_on()

    def sell(self, amount_minor: int, **more: Any) -> str:
        """Ask for an amount; return the T-ID that the customer was shown."""
        shown: list[str] = []
        self.till.sell(
            amount_minor=amount_minor, currency=PROGRAMME_CURRENCY, show=shown.append, **more
        )
        return shown[0]

    def display(self, tid: str, *wanted: str, within_s: float = WITHIN_S) -> str:
        """Return what is shown, as soon as it is one of ``wanted``."""
        shown = self.till.wait(tid, until=lambda one: one.display in wanted, within_s=within_s)
        return str(shown.display)

    @property
    def _state(self) -> Path:
        return self.folder / f"{self.device}.json"

    @property
    def _counter(self) -> Path:
        return self.folder / f"{self.device}-counter.json"

    def _save(self, state: dict[str, Any]) -> None:
        durable.write(path=self._state, state=state)


def desk(street: Street, shop: Shop, *, folder: Path, kind: type[Till] = Till) -> Desk:
    """Enrol a terminal of the shop and put it on a counter, switched off."""
    key = SigningKey.generate()
    told = street.enrol("TERMINAL", owner=("--merchant", shop.merchant), key=key)
    certificate = ReaderCertificate.peek(b64.decode(told["certificate"]))
    identity = Identity(
        device=told["device"],
        merchant=certificate.merchant,
        number=told["number"],
        secret=b64.decode(told["secret"]),
        key=key,
    )
    state = {"identity": identity.to_state(), "ceiling": 0, "sales": []}
    durable.write(path=folder / f"{identity.device}.json", state=state)
    return Desk(
        street=street,
        shop=shop,
        folder=folder,
        device=identity.device,
        session=street.session(key, identity.device, attempts=1),
        kind=kind,
    )


@dataclass(kw_only=True)
class TableRelay:
    """``./paydesk relay`` on a table."""

    device: str
    url: str

    def slot(self, name: str = "table-1") -> Slot:
        return Slot(relay=self.device, url=self.url, name=name)


@contextmanager
def relay_of(shop: Shop, street: Street, *, folder: Path) -> Iterator[TableRelay]:
    """Start a relay of the shop, and stop it."""
    owner = ("--kind", "RELAY", "--merchant", shop.merchant)
    code = street.portal.manage("enrolment_code", *owner)["code"]
    process = subprocess.Popen(
        [
            *(PAYDESK, "relay", "--portal", street.portal.origin, "--code", code),
            *("--port", "0", "--state", str(folder / "relay.json")),
        ],
        env=bare_environment() | {"PYTHONUNBUFFERED": "1"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=birth(parting_signal=signal.SIGTERM),  # noqa: PLW1509  it must end with us
    )
    assert process.stdout is not None
    try:
        found = SERVES.search(process.stdout.readline())
        assert found, process.stdout.read()
        yield TableRelay(device=found[1], url=found[2])
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
