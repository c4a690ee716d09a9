"""Issuers that decide in a system of their own: APPROVING, and every way in which it ends."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from config import devices
from config.models import Alert, Event
from issuers.models import Authorisation, Hold
from issuers.services import blacklist, outbox, remote
from merchants.services import merchants
from settlement.models import Payment
from settlement.services import ledger, payments
from settlement.services.payments import refusals
from tests.clients import session_of
from tests.factories import remote as at_issuers
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM
from tests.factories.remote import question
from tests.settlement.test_requests_api import body_of, consent_to

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
UNANSWERED = ["error", "hang", "drop", "garbage", "late"]


def payment():
    return Payment.objects.get()


class TestApproving:
    def test_sets_the_amount_aside_and_takes_nothing(self, payer, asked, noon):
        account = payer.account

        assert (payment().state, question().state) == ("APPROVING", "ASKED")
        assert (account.held_minor, account.available_minor) == (10_000, 990_000)
        assert Hold.objects.get().document == asked.reference
        assert not Authorisation.objects.exists()
        assert question().deadline_at == noon + 5 * SECOND
        assert ledger.check() == []

    def test_makes_no_event(self, asked):
        kinds = list(Event.objects.order_by("id").values_list("type", flat=True))

        assert kinds == ["payment.requested", "payment.claimed"]

    def test_is_told_to_phone_and_terminal(self, authority):
        payer = made.payer(at=timezone.now() - timedelta(hours=1))
        authority.decides_on(payer.held.card.issuer)
        terminal = made.terminal()
        till = session_of(key=terminal.key, device=terminal.device)
        phone = session_of(key=payer.key, device=payer.phone)
        said = terminal.asked()
        till.post("/terminal/payments", body=body_of(said))
        claimed = phone.post(f"/wallet/payments/{said.tid}/claim").json()

        body = consent_to(payer, claimed)
        told = phone.post(f"/wallet/payments/{said.tid}/approve", body=body)

        assert told.status == 202
        assert told.json() == {"state": "APPROVING", "lines": [], "remainder": 10_000}
        assert till.get(f"/terminal/payments/{said.tid}").json()["state"] == "APPROVING"
        assert phone.post(f"/wallet/payments/{said.tid}/claim").json()["state"] == "APPROVING"

    def test_is_nobody_elses_to_pay_or_give_back(self, payer, asked, noon):
        with pytest.raises(refusals.PaymentApproving):
            payer.asks_to_pay(asked, at=noon)
        with pytest.raises(refusals.PaymentApproving):
            payments.release(device=payer.phone, tid=asked.tid, at=noon)
        with pytest.raises(refusals.TidClaimed):
            made.payer().claims(asked, at=noon + 60 * SECOND)

    def test_does_not_expire(self, terminal, asked, noon):
        later = noon + timedelta(minutes=6)

        assert payments.end_due(at=later, limit=10) == 0
        seen = payments.seen_by_terminal(device=terminal.device, tid=asked.tid, at=later)
        assert seen.state == "APPROVING"

    def test_what_is_set_aside_is_not_spent_twice(self, terminal, authority, noon):
        payer = at_issuers.payer(authority, balance=15_000)
        payer.asks_to_pay(terminal.asks(10_000, at=noon), at=noon)

        word = payer.asks_to_pay(terminal.asks(10_000, at=noon), at=noon)

        assert (word.state, word.decline_reason) == ("DECLINED", "insufficient_funds")

    def test_counts_for_the_cards_velocity(self, terminal, payer, asked, noon):
        programme = payer.held.card.programme
        programme.velocity_count = 1
        programme.save(update_fields=["velocity_count"])

        word = payer.asks_to_pay(terminal.asks(100, at=noon), at=noon)

        assert word.decline_reason == "velocity"


class TestTheWord:
    def test_yes_takes_what_was_set_aside(self, payer, asked, authority, noon):
        at_issuers.sent(at=noon)

        assert (payment().state, question().state) == ("APPROVED", "APPROVED")
        assert (payer.account.held_minor, payer.account.available_minor) == (0, 990_000)
        assert Hold.objects.get().state == "CAPTURED"
        assert authority.stands(asked)
        assert ledger.check() == []

    @pytest.mark.parametrize(
        ("theirs", "ours"), [("velocity", "velocity"), ("51 no money", "issuer_refused")]
    )
    def test_no_ends_it_in_the_protocols_words(self, payer, asked, authority, noon, theirs, ours):
        authority.behave(failure="decline", reason=theirs)

        at_issuers.sent(at=noon)

        assert (payment().state, payment().decline_reason) == ("DECLINED", ours)
        assert (question().state, payer.account.available_minor) == (
            "DECLINED",
            1_000_000,
        )
        assert Authorisation.objects.get().decline_reason == ours

    @pytest.mark.parametrize("failure", UNANSWERED)
    def test_none_by_the_deadline_is_a_decline_and_a_reversal(
        self, terminal, payer, authority, settings, noon, failure
    ):
        settings.AUTHORISER_DEADLINE_S = 0.4
        authority.behave(failure=failure, late_ms=700)
        request = terminal.asks(10_000, at=noon)
        payer.asks_to_pay(request, at=noon)

        at_issuers.sent(at=noon, all_of_it=True)

        assert (payment().state, payment().decline_reason) == ("DECLINED", "issuer_refused")
        assert (question().state, payer.account.available_minor) == (
            "REVERSED",
            1_000_000,
        )
        assert not authority.stands(request)
        assert ledger.check() == []

    def test_a_late_yes_finds_the_reversal_there(self, terminal, payer, authority, settings, noon):
        settings.AUTHORISER_DEADLINE_S = 0.2
        authority.behave(failure="late", late_ms=600)
        request = terminal.asks(10_000, at=noon)
        payer.asks_to_pay(request, at=noon)
        at_issuers.sent(at=noon, all_of_it=True)

        time.sleep(0.8)  # until it has decided, at last

        state = authority.state
        assert request.reference in state["reversed"]
        assert request.reference not in state["stands"]

    def test_negative_control_without_the_reversal_an_unheard_yes_stands(
        self, terminal, payer, authority, settings, noon, monkeypatch
    ):
        releasing = remote.releasing
        forget = {"is_told": True}
        monkeypatch.setattr(remote, "releasing", lambda **told: releasing(**told | forget))
        settings.AUTHORISER_DEADLINE_S = 0.4
        authority.behave(failure="hang")
        request = terminal.asks(10_000, at=noon)
        payer.asks_to_pay(request, at=noon)

        at_issuers.sent(at=noon, all_of_it=True)

        assert (payment().state, authority.stands(request)) == ("DECLINED", True)

    def test_a_broken_line_is_tried_again_within_the_deadline(self, payer, asked, authority, noon):
        authority.behave(failure="drop")
        (parcel,) = outbox.claim_questions(busy={}, limit=9, at=noon)
        outbox.postpone(parcel=parcel, at=noon)
        authority.behave(failure="none")

        at_issuers.sent(at=noon + outbox.ASK_AGAIN)

        assert payment().state == "APPROVED"

    def test_of_a_card_blocked_meanwhile_is_not_paid(self, payer, asked, authority, noon):
        blacklist.block(card=payer.held.card, reason="LOST", note="", at=noon, actor=SYSTEM)

        at_issuers.sent(at=noon, all_of_it=True)

        assert payment().decline_reason == "card_blocked"
        assert (question().state, authority.stands(asked)) == ("REVERSED", False)

    @pytest.mark.parametrize("who", ["merchant", "terminal"])
    def test_to_a_shop_barred_meanwhile_is_not_paid(self, terminal, asked, authority, noon, who):
        if who == "merchant":
            told = {"reason": "Fraud", "actor": SYSTEM, "at": noon}
            merchants.suspend(merchant=terminal.place.merchant, **told)
        else:
            devices.revoke(reference=terminal.device.reference, actor=SYSTEM, at=noon)

        at_issuers.sent(at=noon, all_of_it=True)

        assert payment().decline_reason == "issuer_refused"
        assert (question().state, authority.stands(asked)) == ("REVERSED", False)
        assert ledger.check() == []

    def test_settles_once(self, asked, noon):
        yes = remote.Word(None, is_told=True)

        assert payments.settle(document=asked.reference, word=yes, at=noon)
        assert not payments.settle(document=asked.reference, word=remote.UNKNOWN, at=noon)
        assert payment().state == "APPROVED"


class TestTheSweeper:
    def test_ends_what_nobody_was_left_to_ask(self, payer, asked, noon):
        assert payments.end_overdue(at=noon + 4 * SECOND, limit=10) == 0
        assert payments.end_overdue(at=noon + 5 * SECOND, limit=10) == 1

        assert (payment().decline_reason, question().state) == (
            "issuer_refused",
            "REVERSAL_DUE",
        )
        assert payer.account.available_minor == 1_000_000

    def test_leaves_what_is_overdue_to_no_new_question(self, asked, noon):
        assert not outbox.claim_questions(busy={}, limit=9, at=noon + 5 * SECOND)


class TestTakingBack:
    def test_cancelled_while_its_issuer_is_asked(self, terminal, payer, asked, authority, noon):
        ended = payments.cancel(device=terminal.device, tid=asked.tid, at=noon)
        yes = remote.Word(None, is_told=True)

        assert ended.state == "CANCELLED"
        assert not payments.settle(document=asked.reference, word=yes, at=noon)
        assert (question().state, payer.account.available_minor) == (
            "REVERSAL_DUE",
            1_000_000,
        )
        at_issuers.sent(at=noon, all_of_it=True)
        assert not authority.stands(asked)
        assert ledger.check() == []

    def test_cancelled_after_the_yes(self, terminal, payer, asked, authority, noon):
        at_issuers.sent(at=noon)

        ended = payments.cancel(device=terminal.device, tid=asked.tid, at=noon + SECOND)
        at_issuers.sent(at=noon + SECOND, all_of_it=True)

        assert ended.state == "REVERSED"
        assert (question().state, authority.stands(asked)) == ("REVERSED", False)
        assert payer.account.available_minor == 1_000_000
        assert ledger.check() == []

    def test_goes_on_until_the_issuer_has_acknowledged(self, terminal, asked, authority, noon):
        payments.cancel(device=terminal.device, tid=asked.tid, at=noon)
        (parcel,) = outbox.claim_reversals(busy={}, limit=9, at=noon)
        outbox.postpone(parcel=parcel, at=noon)
        (again,) = outbox.claim_reversals(busy={}, limit=9, at=noon + SECOND)
        outbox.postpone(parcel=again, at=noon + SECOND)

        assert (parcel.number, again.number) == (1, 2)
        assert question().next_at == noon + 3 * SECOND
        at_issuers.sent(at=noon + 3 * SECOND, all_of_it=True)
        assert question().state == "REVERSED"

    def test_an_issuer_that_stays_deaf_raises_an_alert_until_it_hears(
        self, terminal, asked, authority, noon
    ):
        payments.cancel(device=terminal.device, tid=asked.tid, at=noon)
        for number in range(outbox.TRIES_ALERTED):
            assert not Alert.objects.exists()
            later = noon + timedelta(minutes=number)
            (parcel,) = outbox.claim_reversals(busy={}, limit=9, at=later)
            outbox.postpone(parcel=parcel, at=later)

        assert Alert.objects.get().cleared_at is None
        at_issuers.sent(at=noon + timedelta(hours=1), all_of_it=True)
        assert Alert.objects.get().cleared_at is not None
