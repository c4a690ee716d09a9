"""A portal in miniature: payments by T-ID and their notification, as protocol section 4 has them.

It holds what the model is judged by: which T-ID was approved, and what money moved.
"""

from collections import Counter
from dataclasses import dataclass, field

from config.wire import b64
from merchants.wire import Bill
from merchants.wire import tid as tids
from merchants.wire.datagram import Datagram, DatagramKind, DatagramState
from tests.devices.tills import LIFE_S, MERCHANT, NUMBER, SECRET, answer

CLAIM_S = 45
FINAL = ("APPROVED", "DECLINED", "CANCELLED", "EXPIRED", "REVERSED")
RETRIES_S = (2, 4, 8, 16)


class Refusal(Exception):
    """A problem: status, code, and the payment's state where there is one."""

    def __init__(self, status, code, state=""):
        super().__init__(code)
        self.status, self.code, self.state = status, code, state


@dataclass
class Payment:
    """One T-ID at the portal."""

    body: dict
    expires_at: float
    state: str = "REQUESTED"
    phone: str = ""
    claimed_until: float = 0.0
    number: int = 0
    acknowledged: int = 0
    address: str = ""
    registered_ms: int = -1
    resend_at: float | None = None
    resent: int = 0
    nonce: bytes = b""

    @property
    def is_final(self):
        return self.state in FINAL


@dataclass
class ModelPortal:
    """``pays_twice``: the deliberate break, an approve that looks at neither key nor state."""

    random: object
    pays_twice: bool = False
    payments: dict = field(default_factory=dict)
    kept: dict = field(default_factory=dict)
    moved: Counter = field(default_factory=Counter)
    approved: set = field(default_factory=set)
    ever: Counter = field(default_factory=Counter)

    def till_asks(self, call, *, at):
        """Return the answer to a terminal's call, or raise Refusal."""
        acts = {"request": self._request, "look": self._look, "cancel": self._cancel}
        return self._once(call, lambda: acts[call.kind.value](call, at=at))

    def phone_asks(self, phone, call, *, at):
        acts = {"claim": self._claim, "approve": self._approve, "release": self._release}
        acts["decline"] = self._decline
        tid = call.path.split("/")[3]
        return self._once(call, lambda: acts[call.act.value](phone, tid, call.body, at=at))

    def _once(self, call, act):
        key = call.idempotency_key
        if key in self.kept and not (self.pays_twice and "approve" in call.path):
            kept = self.kept[key]
            if isinstance(kept, Refusal):
                raise kept
            return kept
        try:
            told = act()
        except Refusal as refusal:
            if refusal.code != "tid_unknown" and key:
                self.kept[key] = refusal
            raise
        if key:
            self.kept[key] = told
        return told

    def _request(self, call, *, at):
        body = dict(call.body)
        payment = self.payments.get(body["tid"])
        if payment is None:
            money = {"amount": body["amount"], "currency": body["currency"]}
            order = body.get("order", "")
            if not tids.fits(tid=body["tid"], order=order, secret=SECRET, **money):
                raise Refusal(422, "tid_digest_mismatch")
            payment = self.payments[body["tid"]] = Payment(body=body, expires_at=at + LIFE_S)
        elif payment.body != body:
            raise Refusal(409, "tid_reused")
        return self._told(body["tid"])

    def _told(self, tid):
        payment = self.payments[tid]
        told = answer(
            tid,
            state=payment.state,
            amount=payment.body["amount"],
            at=int(payment.expires_at - LIFE_S),
        )
        if tid in self.approved:
            told["approval_code"] = "A1B2C3"
        if payment.state == "DECLINED":
            told["decline_reason"] = "customer_declined"
        return told

    def _known(self, tid, code="not_found"):
        if tid not in self.payments:
            raise Refusal(404, code)
        return self.payments[tid]

    def _look(self, call, *, at):
        tid = call.path.split("/")[3]
        self._expire(self._known(tid), at=at)
        return self._told(tid)

    def _cancel(self, call, *, at):
        tid = call.path.split("/")[3]
        payment = self._known(tid)
        self._expire(payment, at=at)
        if payment.state == "APPROVED":
            self.reverse(tid, at=at)
        elif not payment.is_final:
            self._end(payment, "CANCELLED", at=at)
        return self._told(tid)

    def reverse(self, tid, *, at):
        self.moved[tid] -= 1
        self._end(self.payments[tid], "REVERSED", at=at)

    def _claim(self, phone, tid, body, *, at):
        payment = self._known(tid, "tid_unknown")
        self._expire(payment, at=at)
        if payment.is_final:
            raise Refusal(409, "payment_final", payment.state)
        if payment.phone not in ("", phone) and at < payment.claimed_until:
            raise Refusal(409, "tid_claimed")
        payment.state, payment.phone, payment.claimed_until = "CLAIMED", phone, at + CLAIM_S
        return self._told(tid) | {
            "merchant": {"id": MERCHANT, "name": "Kim's Bakery"},
            "store": "Jongno",
            "order": payment.body.get("order", ""),
            "claim_expires_at": "2026-11-22T03:00:45Z",
        }

    def _approve(self, phone, tid, body, *, at):
        payment = self._known(tid)
        self._expire(payment, at=at)
        if not self.pays_twice:
            self._check_claim(payment, phone, at=at)
        if payment.body.get("bill_digest"):
            self._check_bill(payment, body, at=at)
        if (body["merchant"], body["amount"]) != (MERCHANT, payment.body["amount"]):
            raise Refusal(422, "payment_changed")
        self.moved[tid] += 1
        self.ever[tid] += 1
        self.approved.add(tid)
        self._end(payment, "APPROVED", at=at)
        return self._told(tid)

    def _check_claim(self, payment, phone, *, at):
        if payment.is_final:
            raise Refusal(409, "payment_final", payment.state)
        if payment.phone != phone or at >= payment.claimed_until:
            raise Refusal(409, "tid_not_claimed")

    def _check_bill(self, payment, body, *, at):
        import hashlib

        if "bill" not in body:
            raise Refusal(422, "bill_required")
        data = b64.decode(body["bill"])
        if b64.encode(hashlib.sha256(data).digest()) != payment.body["bill_digest"]:
            raise Refusal(422, "bill_altered")
        if at >= Bill.peek(data).expires:
            raise Refusal(422, "bill_expired")

    def _release(self, phone, tid, body, *, at):
        payment = self._known(tid)
        self._check_claim(payment, phone, at=at)
        payment.state, payment.phone = "REQUESTED", ""
        return self._told(tid)

    def _decline(self, phone, tid, body, *, at):
        payment = self._known(tid)
        self._check_claim(payment, phone, at=at)
        self._end(payment, "DECLINED", at=at)
        return self._told(tid)

    def _expire(self, payment, *, at):
        if not payment.is_final and at >= payment.expires_at:
            self._end(payment, "EXPIRED", at=at)

    def sweep(self, *, at):
        for payment in self.payments.values():
            self._expire(payment, at=at)

    def _end(self, payment, state, *, at):
        payment.state, payment.number = state, payment.number + 1
        payment.nonce, payment.resent = self.random.randbytes(8), 0
        payment.resend_at = at

    def hear(self, data, *, source, at):
        """Return what the notification server answers to a datagram."""
        try:
            asked = Datagram.decode(data, SECRET)
        except ValueError:
            return []
        if asked.terminal != NUMBER or abs(asked.ms / 1000 - at) > 30:
            return []
        payment = self.payments.get(asked.tid)
        if asked.kind is DatagramKind.RESULT_ACK:
            self._acknowledge(payment, asked)
            return []
        if asked.kind not in (DatagramKind.REGISTER, DatagramKind.QUERY):
            return []
        if payment is not None and asked.kind is DatagramKind.REGISTER:
            if asked.ms < payment.registered_ms:
                return []
            payment.registered_ms, payment.address = asked.ms, source
        registers = asked.kind is DatagramKind.REGISTER
        kind = DatagramKind.REGISTERED if registers else DatagramKind.STATE
        return [self._datagram(kind, asked.tid, asked.nonce, at=at)]

    def _acknowledge(self, payment, ack):
        if payment and (ack.number, ack.nonce) == (payment.number, payment.nonce):
            payment.acknowledged, payment.resend_at = ack.number, None

    def _datagram(self, kind, tid, nonce, *, at, number=0):
        payment = self.payments.get(tid)
        state = DatagramState[payment.state] if payment else DatagramState.UNKNOWN
        return Datagram(
            kind=kind,
            terminal=NUMBER,
            nonce=nonce,
            ms=int(at * 1000),
            tid=tid,
            state=state,
            amount=payment.body["amount"] if payment else 0,
            currency="KRW" if payment else "",
            approval="A1B2C3" if tid in self.approved else "",
            number=number,
        ).encode(SECRET)

    def results(self, *, at):
        """Return the RESULTs that are due: at the end, then after 2, 4, 8 and 16 s."""
        due = []
        for tid, payment in self.payments.items():
            if payment.resend_at is None or at < payment.resend_at or not payment.address:
                continue
            wait_s = RETRIES_S[payment.resent] if payment.resent < len(RETRIES_S) else None
            payment.resend_at = None if wait_s is None else at + wait_s
            payment.resent += 1
            kind = DatagramKind.RESULT
            due.append(self._datagram(kind, tid, payment.nonce, at=at, number=payment.number))
        return due
