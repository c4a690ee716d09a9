"""Till, relay, phones and portal with everything between them in a tester's hands."""

import json
import random
from dataclasses import dataclass, replace

from merchants.devices.bills import RelayCall
from merchants.devices.relay import PairedTerminal, Relay, RelayRefused
from merchants.devices.sale_facts import Call
from merchants.devices.terminal import Send, Terminal
from merchants.wire import Bill
from merchants.wire.datagram import Datagram, DatagramKind, DatagramState
from tests.devices.parties import NOON
from tests.devices.payment_portal import ModelPortal, Refusal
from tests.devices.tills import (
    MERCHANT,
    NUMBER,
    RELAY,
    TABLE,
    TERMINAL,
    TILL_KEY,
    TillDisk,
    terminal,
    terminal_again,
)
from wallets.devices.pins import PinCode
from wallets.devices.purchase import Purchase
from wallets.devices.purchase_words import Step

TO_TILL, TO_PORTAL = "till", "portal"


@dataclass
class Flying:
    """A datagram on its way."""

    to: str
    data: bytes


@dataclass
class Asked:
    """A call on its way there, or its answer on its way back to the till that asked."""

    call: object
    life: int
    outcome: object = None


class World:
    """All parties and what flies between them; time is ``at``. ``cls``: the terminal's class."""

    def __init__(self, *, cls=Terminal, pays_twice=False, new_keys=False):
        self.random = random.Random(41)
        self.at = float(NOON)
        self.cls, self.new_keys = cls, new_keys
        self.portal = ModelPortal(random=self.random, pays_twice=pays_twice)
        self.disk, self.life = TillDisk(), 0
        self.till = terminal(self.disk, cls=cls)
        self.relay = Relay(device=RELAY)
        self.pair()
        self.tids, self.seen = [], []
        self.datagrams, self.calls = [], []
        self.purchases, self.keys = [], 0

    def pair(self):
        one = PairedTerminal(
            device=TERMINAL, number=NUMBER, merchant=MERCHANT, public_key=TILL_KEY.public
        )
        self.relay.pair([one])

    def do(self, effects):
        for effect in effects:
            if isinstance(effect, Send):
                self.fly(TO_PORTAL, effect.data)
            else:
                self.calls.append(Asked(effect, self.life))

    def fly(self, to, data):
        self.datagrams.append(Flying(to, data))
        self.seen.append(data)

    def sell(self, *, order, by_relay, amount=10_000):
        slot = TABLE if by_relay else None
        tid, effects = self.till.request(
            amount_minor=amount, currency="KRW", at=self.at, order=order, slot=slot
        )
        self.tids.append(tid)
        self.do(effects)
        return tid

    def cancel(self, tid):
        self.do(self.till.cancel(tid=tid, at=self.at))

    def restart(self):
        """Cut the till's power: what it had asked goes on without it."""
        self.life += 1
        self.till = terminal_again(self.disk, at=self.at, seed=self.life, cls=self.cls)

    def restart_relay(self):
        self.relay = Relay(device=RELAY)
        self.pair()

    def passes(self, seconds):
        self.at += seconds
        self.do(self.till.tick(at=self.at))
        self.portal.sweep(at=self.at)
        for data in self.portal.results(at=self.at):
            self.fly(TO_TILL, data)

    def arrives(self, flying):
        if flying.to == TO_TILL:
            self.do(self.till.received(flying.data, at=self.at))
            return
        for data in self.portal.hear(flying.data, source=TO_TILL, at=self.at):
            self.fly(TO_TILL, data)

    def forge(self, tid):
        """Let a stranger, who knows all but the secret, say that it is paid."""
        datagram = Datagram(
            kind=DatagramKind.RESULT,
            terminal=NUMBER,
            nonce=self.random.randbytes(8),
            ms=int(self.at * 1000),
            tid=tid,
            state=DatagramState.APPROVED,
            amount=10_000,
            currency="KRW",
            approval="A1B2C3",
            number=99,
        )
        self.fly(TO_TILL, datagram.encode(b"stranger" * 4))

    def reaches(self, asked):
        """Let a call arrive; its answer is under way then."""
        call = asked.call
        try:
            if isinstance(call, RelayCall):
                act = self.relay.put if call.method == "PUT" else self.relay.clear
                asked.outcome = act(slot=call.slot.name, data=call.body, at=self.at) or "cleared"
            else:
                asked.outcome = self.portal.till_asks(call, at=self.at)
        except (Refusal, RelayRefused) as refused:
            asked.outcome = refused

    def hears(self, asked):
        """Let the till have an answer, or learn that there is none."""
        self.calls.remove(asked)
        if asked.life != self.life:
            return
        call, outcome = asked.call, asked.outcome
        if outcome is None:
            effects = self.till.unreachable(call, at=self.at)
        elif isinstance(call, Call):
            effects = self._portal_said(call, outcome)
        elif isinstance(outcome, RelayRefused):
            effects = self.till.relay_refused(call, code=outcome.code, at=self.at)
        else:
            effects = self.till.relay_consented(call, at=self.at)
        self.do(effects)

    def _portal_said(self, call, outcome):
        if isinstance(outcome, Refusal):
            return self.till.refused(
                call, status=outcome.status, code=outcome.code, state=outcome.state, at=self.at
            )
        return self.till.answered(call, outcome, at=self.at)

    def scan(self, tid, *, phone, bill=None):
        self.purchases.append(
            (phone, Purchase(tid=tid, at=self.at, new_key=self.new_key, save=json.dumps, bill=bill))
        )

    def read_bill(self, *, phone, altered=False):
        for held in self.relay.bills(at=self.at):
            data = held.data
            if altered:
                data = replace(held.bill, amount=held.bill.amount - 1).sign(key=TILL_KEY)
            self.scan(Bill.peek(data).tid, phone=phone, bill=data)

    def new_key(self):
        self.keys += 1
        return f"phone-key-{self.keys:08}"

    def phone_asks(self, phone, purchase, *, is_lost=False):
        """Let a phone ask what it has to ask; the answer may get lost on its way back."""
        due_at = purchase.due_at
        if due_at is None:
            return
        call = purchase.next_call(at=max(self.at, due_at))
        if self.new_keys:
            call = replace(call, idempotency_key=self.new_key())
        try:
            told = self.portal.phone_asks(phone, call, at=self.at)
        except Refusal as refused:
            if not is_lost:
                purchase.refused(
                    call,
                    status=refused.status,
                    code=refused.code,
                    state=refused.state,
                    at=self.at,
                )
                return
        else:
            if not is_lost:
                purchase.answered(call, told, at=self.at)
                return
        purchase.unreachable(call, at=self.at)

    def decides(self, purchase, act):
        if purchase.step is not Step.OPEN:
            return
        if act == "approve":
            code = PinCode(counter=1, code="0123456789")
            purchase.approve(card="Y2FyZA", code=code, at=self.at)
        else:
            getattr(purchase, act)(at=self.at)

    def deliver(self):
        """Let everything that is under way arrive."""
        for asked in list(self.calls):
            self.reaches(asked)
            self.hears(asked)
        flying, self.datagrams = self.datagrams, []
        for datagram in flying:
            self.arrives(datagram)

    def settle(self, *, check):
        """Let the network heal and time pass until nothing is open; ``check`` what is shown."""
        for _ in range(500):
            self.deliver()
            check()
            for phone, purchase in self.purchases:
                self.phone_asks(phone, purchase)
            due_at = self.till.due_at()
            if not self.calls and not self.datagrams and due_at is None:
                return
            in_flight = self.calls or self.datagrams or due_at is None
            self.passes(0.1 if in_flight else max(0.1, due_at - self.at))
        raise AssertionError("something stays open for ever")
