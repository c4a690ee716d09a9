"""The demo's ATM: now and then a resident fetches cash there, and now and then something jams."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
from django.conf import settings
from django.db import connection

from config.audit import Actor
from config.models import Device
from config.models.devices import DeviceKind
from config.wire import b64, durable
from config.wire.client import PortalRefused, PortalSession, PortalUnreachable, enrol
from config.wire.keys import SigningKey
from merchants.devices.atm import Atm, CannotServe
from merchants.devices.atm_facts import Kind
from merchants.devices.atm_stock import Cassettes, Tickets
from merchants.devices.cash_point import CashPoint
from merchants.devices.identity import Identity
from settlement.models import Redemption
from settlement.services import demo
from settlement.services.demo import Seeded
from settlement.simulation.casting import PortalAway, PortalRefusedUs, code_for
from settlement.simulation.residents import Residents
from settlement.simulation.troupe import Troupe

NAME: Final = "Mapo ATM"
_NOTES: Final = {50_000: 200, 10_000: 400}
_FEW: Final = 20
_IDENTITY, _STATE = "atm.identity.json", "atm.json"
_JAMS: Final = 0.08
_BLIND: Final = 0.05
_SUSPENSE_MOST: Final = 2  # a demo has something to decide, and not a heap of it
_TIMEOUT_S: Final = 15.0


class LiveThroat:
    """Where notes come out, and what goes wrong there, as the demo's whims have it."""

    def __init__(self, *, random: Random) -> None:
        self._random = random
        self.may_go_blind = True

    def feed(self, notes: Mapping[int, int]) -> Mapping[int, int] | None:
        """Present notes; rarely one stays inside, or the sensor says nothing."""
        whim = self._random.random()
        if self.may_go_blind and whim < _BLIND:
            return None
        if whim < _BLIND + _JAMS and sum(notes.values()) > 1:
            out = dict(notes)
            out[min(out)] -= 1
            return out
        return notes

    def print_ticket(self, serial: str) -> bool | None:
        """Print nothing: this machine has no tickets."""
        return False


@dataclass(slots=True, kw_only=True)
class LiveAtm:
    """One machine of the demo's bakery, which keeps its key and journal over restarts."""

    troupe: Troupe
    residents: Residents
    actor: Actor
    stage: Seeded
    folder: Path
    random: Random
    is_there: bool
    _http: httpx.Client = field(
        default_factory=lambda: httpx.Client(trust_env=False, timeout=_TIMEOUT_S)
    )
    _atm: Atm | None = None
    _point: CashPoint | None = None
    _throat: LiveThroat | None = None

    def settle(self) -> None:
        """Make sure that the machine is an active device.

        :raises PortalAway: the portal does not answer
        :raises PortalRefusedUs: it refuses what a new device asks
        """
        if not self.is_there or (self._atm is not None and _active(self._atm.identity.device)):
            return
        kept = durable.read(path=self.folder / _IDENTITY)
        identity = None if kept is None else Identity.from_state(kept)
        if identity is None or not _active(identity.device):
            identity = self._enrolled()
            (self.folder / _STATE).unlink(missing_ok=True)  # another machine's journal
        self._switch_on(identity)

    def _enrolled(self) -> Identity:
        key = SigningKey.generate()
        store = self.stage.bakery.stores.filter(closed_at=None).order_by("pk").first()
        assert store is not None, "the demo's bakery has stores"
        code = code_for(DeviceKind.ATM, self.stage.bakery.reference, self.actor, store.reference)
        session = self._session(key, b64.encode(key.kid))
        try:
            told = enrol(session=session, code=code, kind="ATM", name=NAME, public_key=key.public)
        except PortalUnreachable as lost:
            raise PortalAway(str(lost)) from lost
        except PortalRefused as refused:
            raise PortalRefusedUs(f"{refused.code}: {refused.detail}") from refused
        identity = Identity(
            device=told["device"],
            merchant=self.stage.bakery.reference,
            number=told["number"],
            secret=b64.decode(told["secret"]),
            key=key,
        )
        durable.write(path=self.folder / _IDENTITY, state=identity.to_state())
        return identity

    def _session(self, key: SigningKey, keyid: str) -> PortalSession:
        return PortalSession(
            http=self._http,
            origin=settings.ORIGIN,
            key=key,
            keyid=keyid,
            clock=time.time,
            random_bytes=secrets.token_bytes,
            sleep=time.sleep,
            attempts=1,
        )

    def _switch_on(self, identity: Identity) -> None:
        state = durable.read(path=self.folder / _STATE)
        callbacks: dict[str, Any] = {"save": self._save, "random_bytes": secrets.token_bytes}
        if state is None:
            cassettes = Cassettes(currency=demo.CURRENCY, held=dict(_NOTES))
            self._atm = Atm(identity=identity, cassettes=cassettes, tickets=Tickets(), **callbacks)
        else:
            self._atm = Atm.from_state(state, identity=identity, at=time.time(), **callbacks)
        self._throat = LiveThroat(random=self.random)
        self._point = CashPoint(
            atm=self._atm,
            session=self._session(identity.key, identity.device),
            mechanism=self._throat,
            clock=time.time,
            sleep=time.sleep,
        )

    def _save(self, state: dict[str, Any]) -> None:
        durable.write(path=self.folder / _STATE, state=state)

    def serve(self) -> None:
        """Let a resident have cash approved on the phone and fetch it."""
        if self._point is None or self._atm is None:
            return
        try:
            self._count()
            self._point.work()
            self._fetch(self._point)
        finally:
            connection.close()

    def _count(self) -> None:
        """Count and fill up a machine that ran low or does not know what is in it."""
        assert self._atm is not None, "the machine is on"
        if self._atm.cassettes.doubtful or min(self._atm.cassettes.held.values()) < _FEW:
            self._atm.load(_NOTES)

    def _fetch(self, point: CashPoint) -> None:
        ready = sorted(phone for phone, cards in self.residents.cards.items() if cards)
        if not ready:
            return
        phone = self.random.choice(ready)
        code = f"{self.random.randrange(10_000):04}"
        told = self.troupe.phones.ask(
            "approve_ahead",
            phone=phone,
            card=self.random.choice(self.residents.cards[phone]),
            amount_minor=self.random.randrange(10_000, 110_000, 10_000),
            currency=demo.CURRENCY,
            pickup_code=code,
        )
        if not told.get("code") or self.random.random() < _JAMS:
            return  # declined, out of reach, or the customer lets the number run out
        assert self._throat is not None, "the machine is on"
        parked = Redemption.objects.filter(
            state=Redemption.State.SUSPENSE, merchant=self.stage.bakery
        )
        self._throat.may_go_blind = parked.count() < _SUSPENSE_MOST
        try:
            point.redeem(number=told["code"], kind=Kind.CASH, pickup_code=code)
        except CannotServe:
            return


def _active(device: str) -> bool:
    return Device.objects.filter(reference=device, state=Device.State.ACTIVE).exists()
