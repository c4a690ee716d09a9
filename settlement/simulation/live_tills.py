"""The demo's tills: every few seconds a sale by T-ID or at the table's relay."""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from django.db import connection

from config.audit import Actor
from config.models import Device
from config.models.devices import DeviceKind
from settlement.services import demo
from settlement.services.demo import Seeded
from settlement.simulation.casting import agreed, code_for
from settlement.simulation.market import RELAY_STATE, RelayProcess, enrol_till, pair
from settlement.simulation.residents import Residents
from settlement.simulation.troupe import Troupe

_BY_RELAY: Final = 0.4
_DECLINES: Final = 0.1
_PLANNED: Final = 0.5
_ENDED: Final = frozenset({"paid", "declined"})
_PATIENCE_S: Final = 60.0


@dataclass(slots=True, kw_only=True)
class LiveTills:
    """The tills of the demo's bakery and its relay, which keep their keys over restarts."""

    troupe: Troupe
    residents: Residents
    actor: Actor
    stage: Seeded
    folder: Path
    random: Random
    count: int
    tills: dict[int, str] = field(default_factory=dict)  # devices by number
    relay: RelayProcess | None = None
    sales: int = 0

    def settle(self) -> None:
        """Make sure that every till and the relay are active devices, paired with each other.

        :raises PortalAway: the portal does not answer
        :raises PortalRefusedUs: it refuses what a new device asks
        """
        if not self.count:
            return
        fresh = [number for number in range(self.count) if not self._is_active(number)]
        for number in fresh:
            shop = self.stage.bakery.reference
            self.tills[number] = enrol_till(self.troupe, till=number, shop=shop, actor=self.actor)
        while self.relay is None or not _active(self.relay.device):
            self.relay = self._new_relay()
            fresh = list(self.tills)
        for number in fresh:
            pair(relay=self.relay.device, till=self.tills[number], actor=self.actor)

    def _is_active(self, number: int) -> bool:
        if number not in self.tills:
            assert self.troupe.tills is not None, "a troupe with tills"
            kept = self.troupe.tills.ask("resume", till=number)["device"]
            if kept:
                self.tills[number] = kept
        return number in self.tills and _active(self.tills[number])

    def _new_relay(self) -> RelayProcess:
        kept = self.folder / RELAY_STATE
        if self.relay is not None:
            self.relay.stop()
            kept.unlink(missing_ok=True)  # somebody revoked it
        shop = self.stage.bakery.reference
        code = "" if kept.exists() else code_for(DeviceKind.RELAY, shop, self.actor)
        return RelayProcess(folder=self.folder, code=code)

    def close(self) -> None:
        """End the relay."""
        if self.relay is not None:
            self.relay.stop()

    def sell(self) -> None:
        """Ring an amount up, and let a resident pay or decline it; what stays open is cancelled."""
        try:
            self._sell()
        finally:
            connection.close()

    def _sell(self) -> None:
        ready = sorted(phone for phone, cards in self.residents.cards.items() if cards)
        if not ready or not self.tills or self.relay is None:
            return
        self.sales += 1
        till = self.random.randrange(self.count)
        name = f"table-{self.sales % 100}"
        slot = {"relay": self.relay.device, "url": self.relay.url, "name": name}
        by_relay = self.random.random() < _BY_RELAY
        tid = self._rung_up(till, slot if by_relay else None)
        phone = self.random.choice(ready)
        told = agreed(
            self.troupe.phones.ask(
                "buy",
                phone=phone,
                sale=self.sales,
                card=self.random.choice(self.residents.cards[phone]),
                tid=tid,
                declines=self.random.random() < _DECLINES,
                relay=self.relay.url if by_relay else "",
                slot=name,
                plans=self.random.random() < _PLANNED,
            )
        )
        if told["step"] not in _ENDED:
            self._ask(till, "cancel", tid=tid)
        self._ask(till, "settle", patience_s=_PATIENCE_S)

    def _rung_up(self, till: int, slot: dict[str, str] | None) -> str:
        amount_minor = self.random.randrange(2_000, 15_000, 100)
        words = {"sale": self.sales, "amount_minor": amount_minor, "currency": demo.CURRENCY}
        return str(self._ask(till, "sell", slot=slot, **words)["tid"])

    def _ask(self, till: int, op: str, **words: object) -> dict[str, object]:
        assert self.troupe.tills is not None, "a troupe with tills"
        return agreed(self.troupe.tills.ask(op, till=till, **words))


def _active(device: str) -> bool:
    return Device.objects.filter(reference=device, state=Device.State.ACTIVE).exists()
