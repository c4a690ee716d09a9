"""A terminal on fixed keys, and what portal, notification server and relay say to it."""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

from config.wire.keys import SigningKey
from merchants.devices.bills import RelayCall, Slot
from merchants.devices.identity import Identity
from merchants.devices.sale_facts import Call
from merchants.devices.terminal import Send, Terminal
from merchants.wire.datagram import Datagram, DatagramKind, DatagramState
from tests.devices.parties import NOON

NUMBER = 4711
SECRET = bytes(range(32))
MERCHANT, TERMINAL, RELAY = "MER-1", "DEV-TILL", "DEV-RELAY"
RNS = ("127.0.0.1", 9)
LIFE_S = 300
TABLE = Slot(relay=RELAY, url="http://relay.test", name="table-1")
TILL_KEY = SigningKey.from_secret(77)


def identity(number=NUMBER, secret=SECRET, key=TILL_KEY):
    return Identity(device=TERMINAL, merchant=MERCHANT, number=number, secret=secret, key=key)


@dataclass(kw_only=True)
class TillDisk:
    """What a terminal has saved: its states as JSON, and the counter's file, which may be lost."""

    states: list = field(default_factory=list)
    counter: int | None = None
    full: bool = False

    def save(self, state):
        self._check()
        self.states.append(json.dumps(state))

    def save_counter(self, counter):
        self._check()
        self.counter = counter

    def _check(self):
        if self.full:
            raise OSError("no space left on device")

    @property
    def state(self):
        return json.loads(self.states[-1])


def terminal(disk, *, seed=7, number=NUMBER, cls=Terminal):
    return cls(
        identity=identity(number),
        save=disk.save,
        save_counter=disk.save_counter,
        random_bytes=random.Random(seed).randbytes,
    )


def terminal_again(disk, *, at=NOON, seed=8, cls=Terminal):
    """Return the terminal that a restart brings back from ``disk``."""
    return cls.from_state(
        disk.state,
        counter=disk.counter,
        at=at,
        save=disk.save,
        save_counter=disk.save_counter,
        random_bytes=random.Random(seed).randbytes,
    )


def answer(tid, *, state="REQUESTED", amount=10_000, currency="KRW", at=NOON, **more):
    """Return what the portal answers to a request, or to a look."""
    end = datetime.fromtimestamp(at + LIFE_S, UTC)
    return {
        "tid": tid,
        "state": state,
        "amount": amount,
        "currency": currency,
        "expires_at": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "rns": {"host": RNS[0], "port": RNS[1]},
    } | more


@dataclass
class Counter:
    """One sale of 10,000 KRW on a till, with shorthands for what the world does to it."""

    till: Terminal
    at: float = NOON
    amount: int = 10_000
    effects: list = field(default_factory=list)
    nonces: random.Random = field(default_factory=lambda: random.Random(3))

    def sell(self, *, order="", slot=None):
        self.tid, self.effects = self.till.request(
            amount_minor=self.amount, currency="KRW", at=self.at, order=order, slot=slot
        )
        return self

    def accept(self, **more):
        """Let the portal answer the request; return what the till sends then."""
        return self.answered(self.call(), **more)

    def answered(self, call, **more):
        document = answer(self.tid, amount=self.amount, at=int(self.at)) | more
        self.effects = self.till.answered(call, document, at=self.at)
        self.effects += self.till.tick(at=self.at)
        return self

    def unreachable(self):
        self.effects = self.till.unreachable(self.call(), at=self.at)
        return self

    def refused(self, status, code, **more):
        self.effects = self.till.refused(self.call(), status=status, code=code, at=self.at, **more)
        return self

    def wait(self, seconds):
        """Let time pass to the next things that are due, one after the other."""
        until = self.at + seconds
        gathered = []
        while (due_at := self.till.due_at()) is not None and due_at <= until:
            self.at = max(self.at, due_at)
            gathered += self.till.tick(at=self.at)
        self.at = until
        self.effects = gathered + self.till.tick(at=self.at)
        return self

    def hear(self, data):
        self.effects = self.till.received(data, at=self.at)
        return self

    def result(self, state, *, number=1, secret=SECRET, **more):
        """Let the server tell the end."""
        return self.hear(self.datagram(DatagramKind.RESULT, state, number=number).encode(secret))

    def datagram(self, kind, state, *, nonce=None, **more):
        fields = {
            "kind": kind,
            "terminal": NUMBER,
            "nonce": nonce or self.nonces.randbytes(8),
            "ms": int(self.at * 1000),
            "tid": self.tid,
            "state": state,
            "amount": self.amount,
            "currency": "KRW",
            "approval": "A1B2C3" if state is DatagramState.APPROVED else "",
        }
        return Datagram(**fields | more)

    def reply(self, question, state, **more):
        """Let the server answer one of the till's datagrams."""
        kind = {
            DatagramKind.REGISTER: DatagramKind.REGISTERED,
            DatagramKind.QUERY: DatagramKind.STATE,
        }[question.kind]
        return self.hear(self.datagram(kind, state, nonce=question.nonce, **more).encode(SECRET))

    @property
    def sent(self):
        """Return the datagrams that left with the latest effects."""
        sends = [effect for effect in self.effects if isinstance(effect, Send)]
        assert all(send.address == RNS for send in sends)
        return [Datagram.decode(send.data, SECRET) for send in sends]

    @property
    def calls(self):
        return [effect for effect in self.effects if isinstance(effect, Call)]

    @property
    def relay_calls(self):
        return [effect for effect in self.effects if isinstance(effect, RelayCall)]

    def call(self):
        (call,) = (call for call in self.calls if call.tid == self.tid)
        return call

    @property
    def shown(self):
        return self.till.show(tid=self.tid)

    @property
    def display(self):
        return str(self.shown.display)
