"""The tills of a run, their shoppers and the table's relay: who they are, and what they do."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self

from django.conf import settings
from django.db import connection
from django.utils import timezone

from config.audit import Actor
from config.devices import device_named
from config.models.devices import DeviceKind
from merchants.selectors import notifications
from merchants.services import relays
from settlement.services.demo import Seeded
from settlement.simulation import benefits
from settlement.simulation.casting import PortalRefusedUs, agreed, code_for, enrol_phone, issue
from settlement.simulation.children import Answer, Party
from settlement.simulation.journal import Journal
from settlement.simulation.sales import Fate, Sale, SalesPlan, TillFault, Trouble
from settlement.simulation.troupe import Troupe
from wallets.services import customers

RELAY_STATE: Final = "relay.json"
_RELAY: Final = "merchants.devices.relay_process"
_SERVES: Final = re.compile(r"Relay (\S+) serves (http://\S+)/ ")
_STARTS_WITHIN_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.1
_HELD_S: Final = 2.0  # of a request that leaves after its customer asked
_PATIENCE_S: Final = 90.0
_AT_ONCE: Final = 8
_CALM: Final[dict[str, float]] = {"lost": 0.0, "doubled": 0.0, "late": 0.0}
WEATHERS: Final[dict[TillFault, dict[str, float]]] = {
    TillFault.DATAGRAM_LOSS: _CALM | {"lost": 0.3},
    TillFault.DATAGRAM_DISORDER: _CALM | {"doubled": 0.3, "late": 0.3},
}
_HEARD_LATELY: Final = timedelta(minutes=1)
_ENDED: Final = frozenset({"paid", "declined"})


class RelayProcess:
    """``./paydesk relay`` beside the run; ``code`` is needed where ``folder`` has no key of it."""

    def __init__(self, *, folder: Path, code: str) -> None:
        self._log = folder / "relay.log"
        words = ["--portal", settings.ORIGIN, "--port", "0", "--state", str(folder / RELAY_STATE)]
        words += ["--code", code] if code else []
        with self._log.open("w") as log:
            self._process = subprocess.Popen(  # noqa: S603  (this interpreter, a module of ours)
                [sys.executable, "-P", "-m", _RELAY, *words, "--slots", "200"],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=settings.BASE_DIR,
                env={**os.environ, "PYTHONPATH": str(settings.BASE_DIR)},
            )
        self.device, self.url = self._address()

    def _address(self) -> tuple[str, str]:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while (found := _SERVES.search(self._log.read_text())) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise PortalRefusedUs(f"The relay does not start: {self._log.read_text()[-300:]}")
            time.sleep(_LOOK_AGAIN_S)
        return found[1], found[2]

    def stop(self) -> None:
        """End it; what it holds is forgotten."""
        self._process.terminate()
        self._process.wait()


@dataclass(slots=True, kw_only=True)
class Stalls:
    """Who sells and who buys: tills by device, shoppers by phone, device and card."""

    currency: str
    relay: RelayProcess | None = None
    tills: list[str] = field(default_factory=list)
    phones: list[int] = field(default_factory=list)
    shoppers: list[str] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)

    @property
    def devices(self) -> list[str]:
        """Return all devices that were enrolled."""
        table = [self.relay.device] if self.relay else []
        return [*self.tills, *self.shoppers, *table]


def set_up(
    *,
    plan: SalesPlan,
    seed: int,
    first_phone: int,
    troupe: Troupe,
    folder: Path,
    stage: Seeded,
    actor: Actor,
) -> Stalls:
    """Enrol tills, a relay and shoppers with a card each, numbered from ``first_phone`` on.

    :raises PortalAway: no portal answers
    :raises PortalRefusedUs: it refuses what a new device asks
    """
    stalls = Stalls(currency=stage.bakery.currency)
    if not plan.tills:
        return stalls
    shop = stage.bakery.reference
    for number in range(plan.tills):
        stalls.tills.append(enrol_till(troupe, till=number, shop=shop, actor=actor))
    stalls.relay = RelayProcess(folder=folder, code=code_for(DeviceKind.RELAY, shop, actor))
    for till in stalls.tills:
        pair(relay=stalls.relay.device, till=till, actor=actor)
    for nth in range(plan.shoppers):
        _add_shopper(stalls, troupe, stage, actor, name=f"Simulation {seed}", nth=nth + first_phone)
    return stalls


def enrol_till(troupe: Troupe, *, till: int, shop: str, actor: Actor) -> str:
    """Enrol a till of the shop with a fresh code; return its device."""
    code = code_for(DeviceKind.TERMINAL, shop, actor)
    name = f"Simulated till {till}"
    assert troupe.tills is not None, "a troupe with tills"
    told = agreed(troupe.tills.ask("enrol", till=till, code=code, name=name, merchant=shop))
    return str(told["device"])


def pair(*, relay: str, till: str, actor: Actor) -> None:
    """Let a till leave its bills at a relay."""
    relays.pair(
        relay=device_named(reference=relay),
        terminal=device_named(reference=till),
        actor=actor,
        at=timezone.now(),
    )


def _add_shopper(
    stalls: Stalls, troupe: Troupe, stage: Seeded, actor: Actor, *, name: str, nth: int
) -> None:
    at = timezone.now()
    owner = customers.add(name=f"{name}, shopper {nth}", actor=actor, at=at).reference
    card = issue(stage=stage, owner=owner, nth=nth, actor=actor, at=at)
    told = enrol_phone(troupe, phone=nth, owner=owner, actor=actor)
    agreed(troupe.phones.ask("certify", phone=nth, card=card, at=int(at.timestamp())))
    stalls.phones.append(nth)
    stalls.shoppers.append(told["device"])
    stalls.cards.append(card)
    out = benefits.offer(shop=stage.bakery, actor=actor, at=at)
    benefits.grant(definitions=out, owner=owner, at=at)


class Market:
    """Carries the sales of a plan out, several side by side; leaving the block ends the relay."""

    def __init__(
        self, *, plan: SalesPlan, stalls: Stalls, troupe: Troupe, journal: Journal
    ) -> None:
        self._plan = plan
        self._stalls = stalls
        self._troupe = troupe
        self._journal = journal
        self._pool = ThreadPoolExecutor(max_workers=_AT_ONCE)
        self._going: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        if self._stalls.relay is not None:
            self._stalls.relay.stop()

    def begin(self, number: int) -> None:
        """Let the troubles of a round begin, and its sales."""
        for till in range(self._plan.tills):
            self._set_weather(till, number)
        for trouble in self._plan.troubles:
            if trouble.round == number:
                self._befall(trouble)
        for sale in self._plan.sales:
            if sale.round == number:
                self._going.append(self._pool.submit(self._carry_out, sale))

    def end(self) -> None:
        """Let every sale come to its end, in fair weather.

        :raises PortalRefusedUs: the portal refused what no fault explains
        """
        for sale in self._going:
            sale.result()
        for till in range(self._plan.tills):
            self._ask(till, "weather", kind="", **_CALM)
        for till in range(self._plan.tills):
            self._ask(till, "settle", patience_s=_PATIENCE_S)

    @property
    def _tills(self) -> Party:
        assert self._troupe.tills is not None, "a plan with sales has tills"
        return self._troupe.tills

    def _ask(self, till: int, op: str, **words: Any) -> Answer:
        return agreed(self._tills.ask(op, till=till, **words))

    def _set_weather(self, till: int, number: int) -> None:
        kinds = [
            each.kind
            for each in self._plan.troubles
            if each.kind in WEATHERS and (each.round, each.subject) == (number, till)
        ]
        for kind in kinds:  # bad weather stays: the retries have to live with it
            self._ask(till, "weather", kind=kind.value, **WEATHERS[kind])

    def _befall(self, trouble: Trouble) -> None:
        kind = trouble.kind
        if kind is TillFault.PORT_CHANGE:
            self._ask(trouble.subject, "move", kind=kind.value)
        elif kind is TillFault.TILL_RESTART:
            self._ask(trouble.subject, "restart", kind=kind.value)
        elif kind is TillFault.RNS_RESTART:
            killed = restart_rns()
            self._journal.note("fault", result=kind.value, processes=killed)

    def _carry_out(self, sale: Sale) -> None:
        """Ring up, let the customer act, and end what nobody has ended."""
        try:
            is_first = self._happens(sale, TillFault.PHONE_FIRST)
            by_relay = sale.by_relay and not is_first
            tid = self._ring_up(sale, by_relay=by_relay, held_s=_HELD_S if is_first else 0.0)
            steps = [] if sale.fate is Fate.CANCELLED else self._bought(sale, tid, by_relay)
            if not _ENDED & set(steps):
                self._ask(sale.till, "cancel", tid=tid)
        finally:
            connection.close()

    def _ring_up(self, sale: Sale, *, by_relay: bool, held_s: float) -> str:
        relay = self._stalls.relay
        assert relay is not None, "a market has a table"
        slot = {"relay": relay.device, "url": relay.url, "name": self._slot(sale)}
        told = self._ask(
            sale.till,
            "sell",
            sale=sale.number,
            amount_minor=sale.amount_minor,
            currency=self._stalls.currency,
            slot=slot if by_relay else None,
            held_s=held_s,
        )
        return str(told["tid"])

    def _slot(self, sale: Sale) -> str:
        return f"table-{sale.number}"

    def _bought(self, sale: Sale, tid: str, by_relay: bool) -> list[str]:
        """Let the shopper act, and whom a fault lets act at the same time; return the steps."""
        acts = [self._buying(sale, tid, sale.shopper, by_relay)]
        if self._happens(sale, TillFault.TWO_PHONES):
            other = (sale.shopper + 1) % len(self._stalls.phones)
            acts.append(self._buying(sale, tid, other, by_relay))
        if self._happens(sale, TillFault.CANCEL_RACE):
            acts.append(lambda: self._ask(sale.till, "cancel", tid=tid))
        with ThreadPoolExecutor(max_workers=len(acts)) as pool:
            return [told.get("step", "") for told in pool.map(lambda act: act(), acts)]

    def _buying(self, sale: Sale, tid: str, shopper: int, by_relay: bool) -> Callable[[], Answer]:
        relay = self._stalls.relay
        words = {
            "phone": self._stalls.phones[shopper],
            "sale": sale.number,
            "card": self._stalls.cards[shopper],
            "tid": tid,
            "declines": sale.fate is Fate.DECLINED,
            "relay": relay.url if relay is not None and by_relay else "",
            "slot": self._slot(sale),
            "plans": sale.number in self._plan.planned,
        }
        return lambda: agreed(self._troupe.phones.ask("buy", **words))

    def _happens(self, sale: Sale, kind: TillFault) -> bool:
        happens = self._plan.befalls(sale, kind)
        if happens:
            self._journal.note("fault", result=kind.value, sale=sale.number)
        return happens


def restart_rns() -> int:
    """End the notification server's processes on this machine; who watches them starts others."""
    mine = f"{socket.gethostname()[:60]}-"
    names = notifications.processes_heard(since=timezone.now() - _HEARD_LATELY)
    pids = [int(name.removeprefix(mine)) for name in names if name.startswith(mine)]
    ended = 0
    for pid in pids:
        with suppress(OSError):
            if b"run_rns" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGTERM)
                ended += 1
    return ended
