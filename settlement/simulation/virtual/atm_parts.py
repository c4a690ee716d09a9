"""What an ATM in virtual time is made of: power that fails, a throat that jams, a frail line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from config.wire.client import Answer, PortalSession, PortalUnreachable
from merchants.devices.atm import Atm
from merchants.devices.cash_point import CashPoint
from merchants.devices.identity import Identity
from settlement.simulation.device import PowerCut


@dataclass
class Power:
    """Fails at its ``left``-th use from now on; None: not at all."""

    left: int | None = None

    def use(self) -> None:
        """:raises PowerCut: now"""
        if self.left is None:
            return
        self.left -= 1
        if self.left == 0:
            self.left = None
            raise PowerCut


@dataclass
class Throat:
    """Where notes come out; what really left is known here alone, whatever the machine knows."""

    power: Power
    out_minor: int = 0
    jams: bool = False

    def feed(self, notes: Mapping[int, int]) -> Mapping[int, int] | None:
        """Present notes; with a jam the smallest one stays inside."""
        self.power.use()
        out = dict(notes)
        if self.jams:
            self.jams = False
            out[min(out)] -= 1
        self.out_minor = sum(note * count for note, count in out.items())
        self.power.use()
        return out

    def print_ticket(self, serial: str) -> bool | None:
        """Print nothing: this machine has no tickets."""
        return False


class FrailSession:
    """A machine's line: power may fail about each call, and an answer may get lost."""

    def __init__(self, *, session: PortalSession, power: Power) -> None:
        self._session, self._power = session, power
        self.loses = 0

    def post(
        self, path: str, *, body: Mapping[str, Any], idempotency_key: str, within_s: float
    ) -> Answer:
        """Post as the session does."""
        self._power.use()
        answer = self._session.post(path, body=body, idempotency_key=idempotency_key)
        self._power.use()
        if self.loses:
            self.loses -= 1
            raise PortalUnreachable("the answer got lost")
        return answer


@dataclass
class Machine:
    """One ATM: what survives a power cut, and the point that runs now, None while it is off."""

    number: int
    identity: Identity
    session: FrailSession
    throat: Throat
    power: Power
    disk: str = ""
    atm: Atm | None = None
    point: CashPoint | None = None
    told: dict[str, int] = field(default_factory=dict)  # redemption -> what really left
