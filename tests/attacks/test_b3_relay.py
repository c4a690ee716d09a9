"""Attacks on a request that goes from terminal to phone, row by row: one test a statement.

What is said of push and of routing aliases has no place here: a phone is told of nothing that it
did not read itself, and a shop never names a phone.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from config.refusals import Refused
from config.wire import b64
from config.wire.client import PortalRefused
from merchants.services import relays
from settlement.models import Payment, Transfer
from settlement.services import ledger, payments
from settlement.services.payments import approvals, expiry, reversals
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM, enrolled
from tests.hands import hands
from tests.settlement.test_requests_api import payer, phone, terminal, till

__all__ = ["payer", "phone", "terminal", "till"]

pytestmark = pytest.mark.django_db
ROUNDS = 20


@pytest.fixture
def bill(terminal):
    """A bill at a relay of the shop, and its request."""
    relay, _key = enrolled(kind="RELAY", store=terminal.place.store)
    now = timezone.now()
    relays.pair(relay=relay, terminal=terminal.device, actor=SYSTEM, at=now)
    return terminal.asks_by_relay(9_000, relay=relay, at=now, expires=now + timedelta(minutes=5))


def word_of(act, *args, **more):
    """Return the state a signed call ends in, or the code of its refusal."""
    try:
        return act(*args, **more).json()["state"]
    except PortalRefused as refused:
        return refused.code


def posted():
    return Transfer.objects.filter(payment__isnull=False).count()


SWAPPED = {
    "the merchant": ({"merchant": "MER-THIEF"}, "payment_changed"),
    "the amount": ({"amount": 1}, "payment_changed"),
    "the currency": ({"currency": "USD"}, "payment_changed"),
    "the bill": ({"bill": b64.encode(b"another")}, "bill_altered"),
    "no bill": ({"bill": None}, "bill_required"),
}


class TestSwappedMerchantOrAmount:
    """The portal pays what the customer saw and nothing else."""

    def sent(self, payer, phone, left, **swapped):
        request, data = left
        claimed = payer.claims(request, at=timezone.now())
        body = payer.body(payer.consent(claimed, bill=data)) | swapped
        body = {name: value for name, value in body.items() if value is not None}
        return word_of(phone.post, f"/wallet/payments/{request.tid}/approve", body=body)

    @pytest.mark.parametrize("what", SWAPPED)
    def test_nothing_is_paid_but_what_was_shown(self, payer, phone, bill, what):
        swapped, code = SWAPPED[what]

        assert self.sent(payer, phone, bill, **swapped) == code
        assert posted() == 0

    @pytest.mark.parametrize("what", ["the merchant", "the amount", "the currency"])
    def test_control_a_portal_that_compares_nothing_pays(
        self, payer, phone, bill, what, monkeypatch
    ):
        monkeypatch.setattr(approvals, "_changed", lambda _consent, _request: None)

        assert self.sent(payer, phone, bill, **SWAPPED[what][0]) == "APPROVED"

    def test_a_code_made_for_another_tid_pays_nothing(self, terminal, payer, phone, bill):
        other = terminal.asks(9_000, at=timezone.now())
        code = payer.consent(other).pin_code

        assert self.sent(payer, phone, bill, pin_code=code) == "pin_code_invalid"
        assert posted() == 0


class TestReplayAndLateAccept:
    """A request is paid once, and never after its end by the portal's clock."""

    def end(self, how, till, request):
        if how == "cancelled":
            till.post(f"/terminal/payments/{request.tid}/cancel")
        else:
            assert expiry.end(tid=request.tid, at=request.expires_at)

    @pytest.mark.parametrize("how", ["cancelled", "expired"])
    def test_what_has_ended_is_never_paid(self, terminal, payer, till, phone, how):
        request = payer.claims(terminal.asks(at=timezone.now()), at=timezone.now())
        self.end(how, till, request)

        body = payer.body(payer.consent(request))
        path = f"/wallet/payments/{request.tid}/approve"

        assert word_of(phone.post, path, body=body) == "payment_final"
        assert posted() == 0

    def test_at_the_very_end_it_is_too_late(self, terminal, payer, noon):
        request = terminal.asks(at=noon)
        end = request.expires_at
        payer.claims(request, at=end - timedelta(seconds=1))

        with pytest.raises(Refused) as late:
            payer.approves(request, at=end)

        assert late.value.code == "payment_final"
        assert Payment.objects.get().state == "EXPIRED"

    def test_the_same_consent_again_pays_nothing_again(self, terminal, payer, phone):
        request = payer.claims(terminal.asks(at=timezone.now()), at=timezone.now())
        body, path = (
            payer.body(payer.consent(request)),
            f"/wallet/payments/{request.tid}/approve",
        )

        words = [word_of(phone.post, path, body=body) for _ in range(3)]

        assert words == ["APPROVED", "payment_final", "payment_final"]
        assert posted() == 1

    def test_control_a_portal_whose_clock_stands_pays_late(
        self, terminal, payer, noon, monkeypatch
    ):
        request = terminal.asks(at=noon)
        end = request.expires_at
        payer.claims(request, at=end - timedelta(seconds=1))
        monkeypatch.setattr(type(request), "is_over", lambda _request, **_more: False)
        monkeypatch.setattr(type(request), "is_claimed_by", lambda _request, _id, **_more: True)

        assert payer.approves(request, at=end).state == "APPROVED"


@pytest.mark.django_db(transaction=True)
class TestAcceptAgainstCancel:
    """Exactly one end, which both sides read; and what was taken first is given back."""

    @pytest.fixture
    def two(self):
        with hands(2) as pool:
            yield pool

    def race(self, two, terminal, payer):
        now = timezone.now()
        request = payer.claims(terminal.asks(at=now), at=now)
        consent = payer.consent(request)

        def accept():
            try:
                return payer.approves(request, at=now, consent=consent).state
            except Refused as refused:
                return refused.extra["state"]

        def cancel():
            return payments.cancel(device=terminal.device, tid=request.tid, at=now).state

        accepted, cancelled = [each.result() for each in [two.submit(accept), two.submit(cancel)]]
        seen = payments.seen_by_terminal(device=terminal.device, tid=request.tid, at=now).state
        return accepted, cancelled, seen

    def test_ends_once_and_nets_to_nothing(self, two, terminal):
        payer = made.payer(balance=10_000_000, at=timezone.now() - timedelta(hours=1))
        before = payer.account.balance_minor
        ends = [self.race(two, terminal, payer) for _ in range(ROUNDS)]

        assert set(ends) <= {
            ("APPROVED", "REVERSED", "REVERSED"),
            ("CANCELLED", "CANCELLED", "CANCELLED"),
        }
        assert payer.account.balance_minor == before
        assert ledger.check() == []

    def test_control_a_cancel_that_gives_nothing_back_is_another_end(
        self, terminal, payer, monkeypatch
    ):
        monkeypatch.setattr(reversals, "reverse_locked", lambda request, **_more: request)
        now = timezone.now()
        request = terminal.asks(at=now)
        payer.pays(request, at=now)

        cancelled = payments.cancel(device=terminal.device, tid=request.tid, at=now)

        assert (cancelled.state, posted()) == ("APPROVED", 1)


class TestLostAnswerToTheTerminal:
    """Whoever repeats hears how it stands, and asks the customer for nothing twice."""

    def body(self, asked):
        return {"tid": asked.tid, "amount": asked.amount_minor, "currency": asked.currency}

    @pytest.mark.parametrize("key", ["0123456789abcdef", ""])
    def test_a_repetition_is_the_same_request(self, terminal, till, key):
        asked = terminal.asked()
        more = {"idempotency_key": key} if key else {}

        told = [
            till.post("/terminal/payments", body=self.body(asked), **more).json() for _ in range(3)
        ]

        assert told[1:] == told[:1] * 2
        assert Payment.objects.count() == 1

    def test_after_the_end_it_hears_the_end(self, terminal, till, payer):
        asked = terminal.asked()
        till.post("/terminal/payments", body=self.body(asked))
        request, _new = payments.request(device=terminal.device, asked=asked, at=timezone.now())
        payer.pays(request, at=timezone.now())

        again = till.post("/terminal/payments", body=self.body(asked))

        assert (again.status, again.json()["state"]) == (200, "APPROVED")
        assert (Payment.objects.count(), posted()) == (1, 1)
