"""A purchase on the phone: claim, what is shown, approve once however often it is sent."""

import json
from dataclasses import replace
from itertools import count

import pytest

from config.wire import b64
from config.wire.keys import SigningKey
from merchants.wire import Bill
from tests.devices.parties import NOON
from wallets.devices.pins import PinCode
from wallets.devices.purchase import HOLD_S, NotOpen, Purchase
from wallets.devices.purchase_words import Act, Claimed, Step

TID = "T" + "0" * 22
CARD = "Y2FyZA"
CODE = PinCode(counter=7, code="0123456789")
CLAIMED = {
    "tid": TID,
    "state": "CLAIMED",
    "merchant": {"id": "MER-1", "name": "Kim's Bakery"},
    "store": "Kim's Bakery, Jongno",
    "amount": 10_000,
    "currency": "KRW",
    "order": "A-12",
    "expires_at": "2026-11-22T03:05:00Z",
    "claim_expires_at": "2026-11-22T03:00:45Z",
}
APPROVED = {"state": "APPROVED", "approval_code": "A1B2C3", "lines": [], "remainder": 10_000}
BILL = Bill(
    merchant="MER-1",
    terminal=4711,
    tid=TID,
    amount=10_000,
    currency="KRW",
    order="A-12",
    nonce=bytes(16),
    expires=NOON + 300,
    relay="DEV-RELAY",
)


class Hand:
    """A customer's hand on the phone, and the portal's answers."""

    def __init__(self, *, bill=None):
        self.at, self.saved, self.full = float(NOON), [], False
        self._keys = count(1)
        self.purchase = Purchase(
            tid=TID, at=self.at, new_key=self.new_key, save=self.save, bill=bill
        )

    def new_key(self):
        return f"key-{next(self._keys):016}"

    def save(self, state):
        if self.full:
            raise OSError("no space left on device")
        self.saved.append(json.dumps(state))

    def again(self):
        self.purchase = Purchase.from_state(
            json.loads(self.saved[-1]), at=self.at, new_key=self.new_key, save=self.save
        )

    def call(self):
        due_at = self.purchase.due_at
        assert due_at is not None
        self.at = max(self.at, due_at)
        return self.purchase.next_call(at=self.at)

    def answered(self, told):
        self.purchase.answered(self.call(), told, at=self.at)
        return self

    def refused(self, status, code, **more):
        self.purchase.refused(self.call(), status=status, code=code, at=self.at, **more)
        return self

    def unreachable(self):
        self.purchase.unreachable(self.call(), at=self.at)
        return self

    def approve(self, **more):
        self.purchase.approve(card=CARD, code=CODE, at=self.at, **more)
        return self

    @property
    def stands(self):
        return self.purchase.step, self.purchase.reason


@pytest.fixture
def hand():
    return Hand()


@pytest.fixture
def open_hand(hand):
    return hand.answered(CLAIMED)


class TestClaim:
    def test_it_shows_what_the_portal_says(self, hand):
        call = hand.call()
        assert (call.act, call.path) == (Act.CLAIM, f"/wallet/payments/{TID}/claim")
        hand.answered(CLAIMED)

        shown = hand.purchase.claimed
        assert hand.stands == (Step.OPEN, "")
        assert (shown.merchant_name, shown.amount, shown.currency) == (
            "Kim's Bakery",
            10_000,
            "KRW",
        )

    def test_4_08_phone_first_it_waits_and_asks_under_the_same_key(self, hand):
        first = hand.call()
        for _ in range(3):
            hand.refused(404, "tid_unknown", retry_after_s=1)
            assert hand.stands == (Step.WAITING, "")
            assert hand.call() == first

        assert hand.at == NOON + 3
        assert hand.answered(CLAIMED).stands == (Step.OPEN, "")

    def test_4_08_after_the_hold_it_is_unknown(self, hand):
        asked = 0
        while hand.purchase.due_at is not None:
            hand.refused(404, "tid_unknown", retry_after_s=1)
            asked += 1

        assert hand.stands == (Step.REFUSED, "tid_unknown")
        assert (hand.at, asked) == (NOON + HOLD_S, HOLD_S + 1)

    @pytest.mark.parametrize("code", ["tid_claimed", "not_found", "device_locked"])
    def test_a_refusal_is_told_by_its_code(self, hand, code):
        assert hand.refused(409, code).stands == (Step.REFUSED, code)

    def test_what_has_ended_is_told_by_its_state(self, hand):
        """Paid, but not by this phone."""
        hand.refused(409, "payment_final", state="APPROVED")

        assert hand.stands == (Step.ENDED, "APPROVED")

    def test_no_network_is_tried_for_as_long_as_one_waits(self, hand):
        while hand.purchase.due_at is not None:
            hand.unreachable()

        assert hand.stands == (Step.REFUSED, "unreachable")
        assert hand.at >= NOON + HOLD_S

    def test_an_answer_of_something_else_is_none(self, hand):
        assert hand.answered({"state": "CLAIMED"}).stands == (Step.LOOKING, "")
        assert hand.answered(CLAIMED).stands == (Step.OPEN, "")


class TestApprove:
    def test_it_approves_what_it_showed(self, open_hand):
        call = open_hand.approve().call()

        assert (call.act, call.path) == (Act.APPROVE, f"/wallet/payments/{TID}/approve")
        assert call.body == {
            "card": CARD,
            "merchant": "MER-1",
            "amount": 10_000,
            "currency": "KRW",
            "counter": 7,
            "pin_code": "0123456789",
        }
        assert len(call.idempotency_key) >= 16

    def test_benefits_go_along(self, open_hand):
        call = open_hand.approve(plan="PLN-1", max_remainder=9_000).call()

        assert (call.body["plan"], call.body["max_remainder"]) == ("PLN-1", 9_000)

    def test_paid(self, open_hand):
        open_hand.approve().answered(APPROVED)

        assert open_hand.stands == (Step.PAID, "")
        assert open_hand.purchase.approval_code == "A1B2C3"
        assert open_hand.purchase.due_at is None

    def test_declined_with_its_reason(self, open_hand):
        told = {"state": "DECLINED", "decline_reason": "insufficient_funds"}

        assert open_hand.approve().answered(told).stands == (Step.DECLINED, "insufficient_funds")

    def test_without_an_answer_the_same_bytes_go_under_the_same_key(self, open_hand):
        first = open_hand.approve().call()
        for _ in range(20):
            assert open_hand.unreachable().call() == first
            assert open_hand.stands[0] is Step.CHECKING

        assert open_hand.answered(APPROVED).stands == (Step.PAID, "")

    @pytest.mark.parametrize(
        ("status", "code"),
        [(401, "signature_replayed"), (429, "throttled"), (409, "idempotency_in_progress")],
    )
    def test_what_is_not_decided_is_asked_again(self, open_hand, status, code):
        first = open_hand.approve().call()

        assert open_hand.refused(status, code).call() == first
        assert open_hand.stands[0] is Step.CHECKING

    def test_a_restart_goes_on_with_the_same_act(self, open_hand):
        first = open_hand.approve().call()
        open_hand.again()

        assert open_hand.stands[0] is Step.CHECKING
        assert open_hand.call() == first
        assert open_hand.answered(APPROVED).stands == (Step.PAID, "")
        open_hand.again()
        assert open_hand.stands == (Step.PAID, "")

    def test_what_cannot_be_saved_is_not_sent(self, open_hand):
        open_hand.full = True
        with pytest.raises(OSError, match="space"):
            open_hand.approve()

        assert open_hand.purchase.due_at is None
        assert open_hand.stands[0] is Step.OPEN

    @pytest.mark.parametrize(
        "code", ["pin_code_invalid", "counter_used", "quote_changed", "payment_changed"]
    )
    def test_what_can_be_put_right_leaves_it_open(self, open_hand, code):
        open_hand.approve().refused(422, code)
        assert open_hand.stands == (Step.OPEN, code)

        first = open_hand.approve().call()
        assert first.idempotency_key not in open_hand.saved[0], "another code is another act"

    def test_a_lapsed_claim_is_taken_again(self, open_hand):
        open_hand.approve().refused(409, "tid_not_claimed")

        assert open_hand.call().act is Act.CLAIM
        assert open_hand.answered(CLAIMED).stands == (Step.OPEN, "")

    def test_somebody_else_was_faster(self, open_hand):
        open_hand.approve().refused(409, "payment_final", state="APPROVED")

        assert open_hand.stands == (Step.ENDED, "APPROVED")

    def test_an_issuer_that_takes_time_is_asked_about(self, open_hand):
        open_hand.approve().answered({"state": "APPROVING"})
        assert open_hand.stands[0] is Step.CHECKING
        open_hand.answered({"state": "APPROVING"})
        open_hand.refused(409, "payment_final", state="APPROVED")

        assert open_hand.stands == (Step.PAID, "")

    def test_an_issuer_asked_already_is_waited_for(self, open_hand):
        open_hand.approve().refused(409, "payment_approving")
        assert open_hand.stands[0] is Step.CHECKING

        open_hand.refused(409, "payment_final", state="DECLINED")
        assert open_hand.stands[0] is Step.DECLINED

    def test_nothing_is_approved_that_is_not_shown(self, hand):
        with pytest.raises(NotOpen):
            hand.approve()
        hand.answered(CLAIMED).approve()
        with pytest.raises(NotOpen):
            hand.approve()


class TestGivingUp:
    def test_released_to_another_phone(self, open_hand):
        open_hand.purchase.release(at=open_hand.at)
        assert open_hand.call().act is Act.RELEASE

        assert open_hand.answered({"state": "REQUESTED"}).stands == (Step.RELEASED, "")

    def test_declined_by_the_customer(self, open_hand):
        open_hand.purchase.decline(at=open_hand.at)
        told = {"state": "DECLINED", "decline_reason": "customer_declined"}

        assert open_hand.answered(told).stands == (Step.DECLINED, "customer_declined")

    def test_an_approval_on_its_way_cannot_be_taken_back(self, open_hand):
        open_hand.approve()
        for act in (open_hand.purchase.release, open_hand.purchase.decline):
            with pytest.raises(NotOpen):
                act(at=open_hand.at)


class TestBill:
    KEY = SigningKey.from_secret(77)

    def test_it_goes_along_as_it_was_read(self):
        data = BILL.sign(key=self.KEY)
        call = Hand(bill=data).answered(CLAIMED).approve().call()

        assert b64.decode(call.body["bill"]) == data

    @pytest.mark.parametrize(
        "change", [{"amount": 9_999}, {"merchant": "MER-2"}, {"currency": "USD"}, {"order": "B-7"}]
    )
    def test_a_bill_that_says_otherwise_than_the_portal_is_refused_and_released(self, change):
        hand = Hand(bill=replace(BILL, **change).sign(key=self.KEY)).answered(CLAIMED)
        assert hand.call().act is Act.RELEASE
        with pytest.raises(NotOpen):
            hand.approve()

        assert hand.answered({"state": "REQUESTED"}).stands == (Step.REFUSED, "bill_differs")

    def test_control_a_phone_that_compares_nothing_would_show_it(self, monkeypatch):
        """The deliberate break: the bill is carried along unread."""
        monkeypatch.setattr(Claimed, "is_of", lambda claimed, bill: True)
        hand = Hand(bill=replace(BILL, amount=9_999).sign(key=self.KEY)).answered(CLAIMED)

        assert hand.stands[0] is Step.OPEN

    def test_released_or_not_it_stays_refused(self):
        hand = Hand(bill=replace(BILL, amount=1).sign(key=self.KEY)).answered(CLAIMED)

        assert hand.refused(409, "tid_not_claimed").stands == (Step.REFUSED, "bill_differs")

    @pytest.mark.parametrize("code", ["bill_voided", "bill_expired", "relay_revoked"])
    def test_a_bill_the_portal_refuses_is_no_good(self, code):
        hand = Hand(bill=BILL.sign(key=self.KEY)).answered(CLAIMED).approve()

        assert hand.refused(422, code).stands[1] == code
