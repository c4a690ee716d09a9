"""What an ATM in virtual time is made of: power that fails, a throat that jams, a frail line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from config.wire.client import Answer, PortalSession, PortalUnreachable
from merchants.devices.atm import Atm
from merchants.devices.atm_stock import Tickets
from merchants.devices.cash_point import CashPoint
from merchants.devices.identity import Identity
from merchants.models import Merchant
from settlement.models import StockItem
from settlement.simulation.device import PowerCut
from settlement.simulation.withdrawals import WORTHS

_ON_A_ROLL: Final = 40  # where the shop keeps no stock


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


class Left(NamedTuple):
    """What really left a machine for one redemption; ``serial``: of a ticket."""

    minor: int = 0
    serial: str = ""


@dataclass
class Throat:
    """Where notes and tickets come out; what really left is known here alone, whatever the machine
    knows.
    """

    power: Power
    out_minor: int = 0
    out_serial: str = ""
    jams: bool = False

    def left(self, *, worth_minor: int) -> Left:
        """Return what left it last; ``worth_minor``: of a ticket."""
        return Left(worth_minor if self.out_serial else self.out_minor, self.out_serial)

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
        """Print a ticket; with a jam it is spoilt, and stays inside."""
        self.power.use()
        spoilt, self.jams = self.jams, False
        self.out_serial = "" if spoilt else serial
        self.power.use()
        return not spoilt


def rolls(*, shop: Merchant, currency: str) -> Tickets:
    """Return a machine's tickets, the shop's last ones first: what the portal holds is another."""
    tickets = Tickets()
    for kind, worths in WORTHS.items():
        for worth in worths:
            kept = StockItem.objects.filter(merchant=shop, kind=kind, amount_minor=worth)
            serials = list(kept.order_by("-pk").values_list("serial", flat=True))
            own = [f"{kind} {worth} {place}" for place in range(_ON_A_ROLL)]
            tickets.load(kind=kind, amount_minor=worth, currency=currency, serials=serials or own)
    return tickets


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
    told: dict[str, Left] = field(default_factory=dict)  # redemption -> what really left
