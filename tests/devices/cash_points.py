"""An ATM on fixed keys, its disk and moving parts, a portal that redeems, and power that fails."""

import json
import random
from dataclasses import dataclass, field

from config.wire.client import PortalRefused, PortalUnreachable
from config.wire.keys import SigningKey
from merchants.devices.atm import Atm
from merchants.devices.atm_stock import Cassettes, Tickets
from merchants.devices.cash_point import CashPoint
from merchants.devices.identity import Identity
from tests.devices.parties import NOON

IDENTITY = Identity(
    device="ATM-1",
    merchant="MER-1",
    number=4712,
    secret=bytes(range(32, 64)),
    key=SigningKey.from_secret(78),
)
NOTES = {50_000: 4, 10_000: 10}
NUMBER = "412345678905"


class PowerCut(BaseException):
    """The machine stands still in the middle of whatever it did."""


@dataclass
class Power:
    """Fails at the moment of its ``fails_at``-th use; never without one."""

    fails_at: int | None = None
    used: int = 0

    def use(self):
        self.used += 1
        if self.used == self.fails_at:
            raise PowerCut


@dataclass
class Disk:
    power: Power = field(default_factory=Power)
    states: list = field(default_factory=list)
    full: bool = False

    def save(self, state):
        if self.full:
            raise OSError("no space left on device")
        self.power.use()
        self.states.append(json.dumps(state))
        self.power.use()

    @property
    def text(self):
        return self.states[-1]


@dataclass
class Mechanism:
    """``stuck``: how many notes of each motion stay inside; ``blind``: the sensor says nothing."""

    power: Power = field(default_factory=Power)
    out: list = field(default_factory=list)
    tickets: list = field(default_factory=list)
    stuck: int = 0
    blind: bool = False

    def feed(self, notes):
        self.power.use()
        heap = [note for note, count in sorted(notes.items()) for _ in range(count)]
        heap = heap[self.stuck :]
        self.out += heap
        self.power.use()
        return None if self.blind else {note: heap.count(note) for note in notes}

    def print_ticket(self, serial):
        self.power.use()
        if not self.stuck:
            self.tickets.append(serial)
        self.power.use()
        return None if self.blind else not self.stuck


@dataclass
class Portal:
    """What the portal says, each key once; ``lost``: how many answers do not get back."""

    amount: int = 60_000
    kind: str = "CASH"
    currency: str = "KRW"
    power: Power = field(default_factory=Power)
    refuses: tuple = ()
    lost: int = 0
    posted: int = 0
    state: str = "APPROVED"
    kept: dict = field(default_factory=dict)
    bodies: list = field(default_factory=list)

    def post(self, path, *, body, idempotency_key, within_s):
        self.power.use()
        self.bodies.append((path, body))
        if idempotency_key not in self.kept:
            self.kept[idempotency_key] = body, self._answer(path, body)
        asked, answer = self.kept[idempotency_key]
        assert asked == body, "the same key for something else"
        self.power.use()
        if self.lost:
            self.lost -= 1
            raise PortalUnreachable("no answer")
        return Said(answer)

    def _answer(self, path, body):
        if not path.endswith("/complete"):
            if self.refuses:
                status, code = self.refuses
                raise PortalRefused(status=status, problem={"code": code})
            self.state = "IN_PROGRESS"
            money = {"amount": self.amount, "currency": self.currency}
            return {"redemption": "RED-1", "state": self.state, "kind": self.kind, **money}
        self.posted += body.get("dispensed", 0)
        ends = {"FULL": "COMPLETED", "PARTIAL": "COMPLETED", "NONE": "REVERSED"}
        self.state = ends.get(body["outcome"], "SUSPENSE")
        return {"redemption": "RED-1", "state": self.state, "dispensed": self.posted}


@dataclass
class Said:
    answer: dict

    def json(self):
        return self.answer


@dataclass
class Place:
    """One machine where it stands: what survives a power cut, and the machine that runs now."""

    power: Power = field(default_factory=Power)
    portal: Portal = field(default_factory=Portal)
    rolls: dict = field(default_factory=dict)
    held: dict = field(default_factory=lambda: dict(NOTES))

    def __post_init__(self):
        self.now = NOON
        self.random = random.Random(5).randbytes
        self.disk, self.mechanism = Disk(self.power), Mechanism(self.power)
        self.portal.power = self.power
        self.atm = Atm(
            identity=IDENTITY,
            cassettes=Cassettes(currency="KRW", held=self.held),
            tickets=Tickets(rolls=self.rolls),
            save=self.disk.save,
            random_bytes=self.random,
        )
        self.point = self._point()

    def _point(self):
        return CashPoint(
            atm=self.atm,
            session=self.portal,
            mechanism=self.mechanism,
            clock=lambda: self.now,
            sleep=self._sleep,
        )

    def _sleep(self, seconds):
        self.now += seconds

    def redeem(self, *, kind="CASH", number=NUMBER, **more):
        return self.point.redeem(number=number, kind=kind, **more)

    def restart(self):
        """Bring the machine back from its disk, if anything was ever saved there."""
        self.power.fails_at = None
        if self.disk.states:
            self.atm = Atm.from_state(
                json.loads(self.disk.text),
                identity=IDENTITY,
                at=self.now,
                save=self.disk.save,
                random_bytes=self.random,
            )
            self.point = self._point()
