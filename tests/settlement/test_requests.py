"""Requests to pay by T-ID: asked, claimed, approved, declined, cancelled, expired (protocol §4)."""

from datetime import timedelta

import pytest

from config.models import Event
from issuers.models import Authorisation
from issuers.services import blacklist
from settlement.models import MerchantDay, Payment, PaymentRequest, Transfer
from settlement.services import days, ledger, payments
from settlement.services.payments import refusals
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM
from wallets.models import Phone
from wallets.services import pins

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


@pytest.fixture
def terminal():
    return made.terminal()


@pytest.fixture
def payer(payers):
    return payers()


@pytest.fixture
def request_(terminal, noon):
    return terminal.asks(10_000, at=noon, order="A-17")


def state_of(request):
    return Payment.objects.get(reference=request.reference).state


class TestAsking:
    def test_is_an_open_payment_with_its_event(self, terminal, request_, noon):
        payment = Payment.objects.get()

        assert (payment.state, payment.channel, payment.order) == ("REQUESTED", "TID", "A-17")
        assert payment.request.expires_at == noon + timedelta(minutes=5)
        event = Event.objects.get()
        assert (event.type, event.scope) == ("payment.requested", terminal.merchant)
        assert event.body["payment"]["tid"] == request_.tid

    def test_the_same_again_is_a_resend(self, terminal, noon):
        asked = terminal.asked()
        first, is_new = payments.request(device=terminal.device, asked=asked, at=noon)
        again, is_new_again = payments.request(device=terminal.device, asked=asked, at=noon)

        assert (is_new, is_new_again) == (True, False)
        assert again == first
        assert Event.objects.count() == 1

    def test_4_09_the_same_tid_with_another_amount_is_refused(self, terminal, noon):
        asked = terminal.asked(5_000)
        payments.request(device=terminal.device, asked=asked, at=noon)

        with pytest.raises(refusals.TidReused):
            payments.request(
                device=terminal.device, asked=asked._replace(amount_minor=5_001), at=noon
            )

    @pytest.mark.parametrize(
        "change",
        [{"amount_minor": 9_999}, {"currency": "USD"}, {"order": "B"}],
        ids=lambda change: next(iter(change)),
    )
    def test_a_tid_made_for_something_else_is_refused(self, terminal, noon, change):
        with pytest.raises(refusals.TidDigestMismatch):
            payments.request(
                device=terminal.device, asked=terminal.asked()._replace(**change), at=noon
            )

    def test_another_terminals_tid_is_refused(self, terminal, noon):
        with pytest.raises(refusals.WrongTerminal):
            payments.request(device=terminal.device, asked=made.terminal().asked(), at=noon)

    def test_a_mistyped_tid_is_refused(self, terminal, noon):
        asked = terminal.asked()
        wrong = asked.tid[:-1] + ("0" if asked.tid[-1] != "0" else "1")

        with pytest.raises(refusals.TidMalformed):
            payments.request(device=terminal.device, asked=asked._replace(tid=wrong), at=noon)


class TestClaiming:
    def test_phone_first_is_asked_to_wait(self, terminal, payer, noon):
        with pytest.raises(refusals.TidUnknown) as refusal:
            payments.claim(device=payer.phone, tid=terminal.asked().tid, at=noon)

        assert refusal.value.extra == {"retry_after_s": 1}

    def test_4_10_one_of_two_phones_has_the_claim(self, payer, request_, noon):
        claimed = payer.claims(request_, at=noon)

        assert claimed.state == "CLAIMED"
        assert claimed.claim_expires_at == noon + timedelta(seconds=45)
        with pytest.raises(refusals.TidClaimed):
            made.payer().claims(request_, at=noon + 44 * SECOND)

    def test_a_claim_that_lapsed_is_the_next_phones(self, payer, request_, noon):
        payer.claims(request_, at=noon)

        other = made.payer().claims(request_, at=noon + 45 * SECOND)

        assert other.state == "CLAIMED"
        kinds = list(Event.objects.order_by("id").values_list("type", flat=True))
        assert kinds == [f"payment.{it}" for it in ("requested", "claimed", "released", "claimed")]

    def test_a_release_gives_it_to_another_phone(self, payer, request_, noon):
        payer.claims(request_, at=noon)
        payments.release(device=payer.phone, tid=request_.tid, at=noon)

        assert made.payer().claims(request_, at=noon).state == "CLAIMED"

    def test_a_customers_no_ends_it(self, payer, request_, noon):
        payer.claims(request_, at=noon)
        ended = payments.decline(device=payer.phone, tid=request_.tid, at=noon)

        assert (ended.state, ended.decline_reason) == ("DECLINED", "customer_declined")
        with pytest.raises(refusals.PaymentFinal) as refusal:
            payer.claims(request_, at=noon)
        assert refusal.value.extra == {"state": "DECLINED"}

    def test_without_a_claim_nothing_is_released(self, payer, request_, noon):
        with pytest.raises(refusals.TidNotClaimed):
            payments.release(device=payer.phone, tid=request_.tid, at=noon)


class TestApproving:
    def test_takes_the_money_once_and_posts_it(self, terminal, payer, request_, noon):
        before = payer.account.available_minor

        word = payer.pays(request_, at=noon)

        payment = Payment.objects.get()
        assert (word.state, word.remainder_minor) == ("APPROVED", 10_000)
        assert (payment.state, payment.approval_code) == ("APPROVED", word.approval_code)
        assert payer.account.available_minor == before - 10_000
        transfer = Transfer.objects.get(payment=payment)
        assert (transfer.code, transfer.amount_minor) == ("ONLINE_SALE", 10_000)
        assert Authorisation.objects.get().document == payment.reference
        assert ledger.check() == []

    def test_is_told_in_the_history(self, payer, request_, noon):
        word = payer.pays(request_, at=noon)

        told = Event.objects.get(type="payment.approved").body["payment"]
        assert (told["state"], told["approval_code"]) == ("APPROVED", word.approval_code)
        assert told["card"] == payer.held.card.last4

    def test_counts_in_the_merchants_day_once(self, payer, request_, noon):
        payer.pays(request_, at=noon)
        days.roll_up()
        days.roll_up()

        day = MerchantDay.objects.get()
        assert (day.channel, day.sales, day.sales_minor) == ("TID", 1, 10_000)

    def test_needs_the_claim(self, payer, request_, noon):
        with pytest.raises(refusals.TidNotClaimed):
            payer.approves(request_, at=noon)

    @pytest.mark.parametrize(
        "change",
        [{"merchant": "MER-OTHER"}, {"amount_minor": 9_999}, {"currency": "USD"}],
        ids=lambda change: next(iter(change)),
    )
    def test_what_the_customer_saw_must_be_what_is_asked(self, payer, request_, noon, change):
        with pytest.raises(refusals.PaymentChanged):
            payer.pays(request_, at=noon, **change)

        assert state_of(request_) == "CLAIMED"
        assert not Authorisation.objects.exists()

    def test_a_wrong_pin_changes_nothing_but_the_count(self, payer, request_, noon):
        with pytest.raises(pins.PinCodeInvalid):
            payer.pays(request_, at=noon, pin="9999")

        assert state_of(request_) == "CLAIMED"
        assert Phone.objects.get(device=payer.phone).pin_failures == 1

    def test_the_fifth_wrong_pin_locks_the_phone(self, payer, request_, noon):
        for _ in range(4):
            with pytest.raises(pins.PinCodeInvalid):
                payer.pays(request_, at=noon, pin="9999")
        with pytest.raises(pins.DeviceLocked):
            payer.pays(request_, at=noon, pin="9999")
        with pytest.raises(pins.DeviceLocked):
            payer.pays(request_, at=noon)

    def test_any_call_of_the_phone_renews_its_claim(self, payer, request_, noon):
        with pytest.raises(pins.PinCodeInvalid):
            payer.pays(request_, at=noon + 0 * SECOND, pin="9999")
        with pytest.raises(pins.PinCodeInvalid):
            payer.approves(request_, at=noon + 44 * SECOND, pin="9999")

        assert PaymentRequest.objects.get().claim_expires_at == noon + 89 * SECOND

    def test_too_little_money_is_a_decline_that_ends_it(self, terminal, payers, noon):
        poor = payers(balance=9_999)
        request = terminal.asks(10_000, at=noon)

        word = poor.pays(request, at=noon)

        assert (word.state, word.decline_reason) == ("DECLINED", "insufficient_funds")
        assert Payment.objects.get().decline_reason == "insufficient_funds"
        assert Authorisation.objects.get().decline_reason == "insufficient_funds"
        assert poor.account.available_minor == 9_999

    def test_6_01_a_listed_card_is_declined_at_once(self, payer, request_, noon):
        payer.claims(request_, at=noon)
        blacklist.block(card=payer.held.card, reason="LOST", note="", at=noon, actor=SYSTEM)

        assert payer.approves(request_, at=noon).decline_reason == "card_blocked"

    def test_anothers_card_is_not_found(self, payer, request_, noon):
        from config.refusals import NotFound

        other = made.payer()
        token = bytes(other.held.card.token)
        consent = payer.consent(request_, card=token)
        code = payer.code(request_.tid, token, consent.counter)
        payer.claims(request_, at=noon)
        from dataclasses import replace

        with pytest.raises(NotFound):
            payer.approves(request_, at=noon, consent=replace(consent, pin_code=code))


class TestTheEnd:
    def test_comes_to_what_nobody_paid_in_time(self, payer, request_, noon):
        over = noon + timedelta(minutes=5)
        with pytest.raises(refusals.PaymentFinal):
            payer.claims(request_, at=over)

        assert state_of(request_) == "EXPIRED"

    def test_is_written_by_the_sweeper(self, payer, request_, noon):
        payer.claims(request_, at=noon)

        assert payments.end_due(at=noon + 44 * SECOND, limit=10) == 0
        assert payments.end_due(at=noon + 45 * SECOND, limit=10) == 1
        assert state_of(request_) == "REQUESTED"
        assert payments.end_due(at=noon + timedelta(minutes=5), limit=10) == 1
        assert state_of(request_) == "EXPIRED"

    def test_a_terminal_reads_it_as_it_is_now(self, terminal, request_, noon):
        seen = payments.seen_by_terminal(
            device=terminal.device, tid=request_.tid, at=noon + timedelta(minutes=5)
        )

        assert seen.state == "EXPIRED"
