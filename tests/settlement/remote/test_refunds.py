"""Refunds of what an issuer's own system approved: what it is told, and what the database keeps."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from benefits.services.holdings import Worth
from config import pipeline
from issuers.models import Account, RefundAdvice, RemoteAuthorisation
from issuers.services import cards, closings, outbox, remote
from merchants.services import relays
from settlement.models import Payment
from settlement.services import ledger, payments
from settlement.services.payments import refunds, refusals
from tests.factories import benefits as held
from tests.factories import checkouts as counters
from tests.factories import remote as at_issuers
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM, enrolled
from tests.settlement.remote.refunds import give_back, left, told
from tests.settlement.test_debts import pay_in
from wallets.models import Phone

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


class TestARefund:
    def test_writes_what_is_to_be_told_and_asks_nobody(self, paid, authority, noon):
        before = authority.state["told"]

        refund = give_back(paid, 4_000, noon)

        advice = RefundAdvice.objects.get()
        assert (advice.reference, advice.authorisation_id) == (refund.reference, paid.reference)
        assert (advice.amount_minor, advice.currency) == (4_000, "KRW")
        assert (advice.state, advice.attempts, advice.next_at) == ("DUE", 0, noon)
        assert authority.state["told"] == before
        assert ledger.check() == []

    def test_of_the_whole_is_told(self, paid, authority, noon):
        refund = give_back(paid, 10_000, noon)

        at_issuers.sent(at=noon, all_of_it=True)

        assert RefundAdvice.objects.get().state == "TOLD"
        assert told(authority, paid) == {refund.reference: 10_000}
        assert (authority.stands(paid), left(authority, paid)) == (True, 0)

    def test_in_parts_is_told_part_by_part(self, paid, authority, noon):
        parts = {give_back(paid, amount, noon).reference: amount for amount in (1, 4_000, 5_999)}

        at_issuers.sent(at=noon, all_of_it=True)

        assert told(authority, paid) == parts
        assert RemoteAuthorisation.objects.get().refunded_minor == 10_000
        assert ledger.check() == []

    def test_of_a_payment_by_relay_is_told(self, terminal, payer, authority, noon):
        relay, _key = enrolled(kind="RELAY", store=terminal.place.store)
        relays.pair(relay=relay, terminal=terminal.device, actor=SYSTEM, at=noon)
        expires = noon + timedelta(minutes=4)
        request, bill = terminal.asks_by_relay(700, relay=relay, expires=expires, at=noon)
        payer.pays(request, at=noon, bill=bill)

        refund = give_back(request, 700, noon)
        at_issuers.sent(at=noon, all_of_it=True)

        assert Payment.objects.get().channel == "RELAY"
        assert told(authority, request) == {refund.reference: 700}

    def test_wakes_who_tells_it(self, paid, noon):
        sent = remote.refunding(document=paid.reference, refund="RFD-1", amount_minor=1, at=noon)
        nobody = remote.refunding(document="PAY-0", refund="RFD-2", amount_minor=1, at=noon)

        woken = [len(answer.rows) for answer in pipeline.run(nobody, sent)]

        assert woken == [0, 1]

    def test_decided_on_here_tells_nobody(self, terminal, authority, noon):
        request = terminal.asks(10_000, at=noon)
        made.payer().pays(request, at=noon)

        give_back(request, 10_000, noon)

        assert not RefundAdvice.objects.exists()
        assert outbox.waiting() == frozenset()

    def test_that_fails_leaves_nothing_to_be_told(self, paid, noon, monkeypatch):
        monkeypatch.setattr(refunds.audit, "record", lambda **_told: 1 / 0)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            give_back(paid, 4_000, noon)

        assert not RefundAdvice.objects.exists()
        assert RemoteAuthorisation.objects.get().refunded_minor == 0

    def test_due_to_the_holder_of_a_closed_account_is_told_all_the_same(
        self, terminal, authority, noon
    ):
        payer = at_issuers.payer(authority, balance=-100_000)  # and so without a reserve
        pay_in(payer.held, 10_000, noon)
        request = terminal.asks(10_000, at=noon)
        payer.pays(request, at=noon)
        cards.close(card=payer.held.card, at=noon, actor=SYSTEM)
        account = Account.objects.get(pk=payer.account.pk)
        closings.close_account(account=account, reason="Left", at=noon, actor=SYSTEM)

        refund = give_back(request, 10_000, noon)
        at_issuers.sent(at=noon, all_of_it=True)

        assert told(authority, request) == {refund.reference: 10_000}
        assert ledger.check() == []

    def test_reverses_nothing_after_it(self, paid, noon):
        give_back(paid, 1, noon)

        with pytest.raises(refusals.AlreadyRefunded):
            payments.reverse(reference=paid.reference, reason="Typo", actor=SYSTEM, at=noon)

        assert RemoteAuthorisation.objects.get().state == "APPROVED"


class TestWithBenefits:
    @pytest.fixture
    def coupon(self, payer):
        return held.held(Phone.objects.get(device=payer.phone).customer)

    def planned(self, payer, terminal, coupon, noon):
        plan = held.plan_of(payer.phone, coupon, at=noon).plan.reference
        request = terminal.asks(10_000, at=noon)
        payer.pays(request, at=noon, plan=plan)
        return request

    def test_the_cards_part_alone_is_told(self, payer, terminal, coupon, authority, noon):
        request = self.planned(payer, terminal, coupon, noon)

        half = give_back(request, 5_000, noon)
        rest = give_back(request, 5_000, noon)
        at_issuers.sent(at=noon, all_of_it=True)

        assert told(authority, request) == {half.reference: 4_500, rest.reference: 4_500}
        assert left(authority, request) == 0
        assert ledger.check() == []

    def test_so_it_is_of_a_purchase_by_number(self, payer, coupon, authority, noon):
        till = counters.till()
        plan = held.plan_of(payer.phone, coupon, card=payer.held.card.reference, at=noon)
        checkout = till.presents(counters.with_psn(payer, plan), 10_000, at=noon)
        at_issuers.sent(at=noon)

        refund = give_back(checkout, 10_000, noon)
        at_issuers.sent(at=noon, all_of_it=True)

        assert Payment.objects.get().channel == "SMART"
        assert told(authority, checkout) == {refund.reference: 9_000}

    def test_what_brings_the_card_nothing_is_not_told(self, payer, terminal, authority, noon):
        customer = Phone.objects.get(device=payer.phone).customer
        coupon = held.held(customer, amount_minor=9_999)
        request = self.planned(payer, terminal, coupon, noon)

        give_back(request, 1, noon)  # the card's part comes first, rounded up
        give_back(request, 1, noon)

        assert [*RefundAdvice.objects.values_list("amount_minor", flat=True)] == [1]

    def test_what_points_bring_back_is_none_of_the_issuers(self, payer, terminal, authority, noon):
        customer = Phone.objects.get(device=payer.phone).customer
        points = held.held(customer, "POINTS", worth=Worth(amount_minor=4_000))
        request = self.planned(payer, terminal, (points, 4_000), noon)

        give_back(request, 10_000, noon)

        assert RefundAdvice.objects.get().amount_minor == 6_000


class TestTheDatabase:
    @pytest.fixture
    def advice(self, paid, noon):
        give_back(paid, 4_000, noon)
        return RefundAdvice.objects.get()

    def refused(self, match, act):
        """Check that the database refuses what ``act`` does, now or at the end."""
        with pytest.raises(DatabaseError, match=match), transaction.atomic():
            self.attempt(act)

    def attempt(self, act):
        act()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_refuses_more_than_was_approved(self, paid, advice, noon):
        told_ = {"document": paid.reference, "refund": "RFD-X", "at": noon}
        most = remote.refunding(**told_, amount_minor=6_000)
        more = remote.refunding(**told_, amount_minor=6_001)

        self.refused("refunded_within_amount", lambda: pipeline.run(more))
        pipeline.run(most)

    def test_negative_control_a_refund_that_would_tell_more_fails_whole(
        self, paid, advice, noon, monkeypatch
    ):
        refunding = remote.refunding
        monkeypatch.setattr(
            remote,
            "refunding",
            lambda **said: refunding(**said | {"amount_minor": said["amount_minor"] + 6_000}),
        )

        with pytest.raises(IntegrityError), transaction.atomic():
            give_back(paid, 1, noon)

        assert Payment.objects.get().refunded_minor == 4_000

    def test_refuses_a_reversal_of_what_was_refunded(self, paid, advice, noon):
        reversing = remote.reversing(document=paid.reference, at=noon)
        self.refused("refunded_within_amount", lambda: pipeline.run(reversing))

    def test_knows_a_refund_once(self, advice):
        advice.pk = None
        self.refused("refundadvice_once_a_refund", lambda: advice.save(force_insert=True))

    @pytest.mark.parametrize(
        "change", [{}, {"amount_minor": 1}, {"currency": "USD"}], ids=["sum", "amount", "currency"]
    )
    def test_refuses_advice_that_does_not_add_up(self, advice, change):
        advice.pk, advice.reference = None, "RFD-X"
        for name, value in change.items():
            setattr(advice, name, value)

        def act():
            sum_minor = 8_000 if "currency" in change else 4_000
            RemoteAuthorisation.objects.update(refunded_minor=sum_minor)
            advice.save(force_insert=True)

        self.refused("does not add up", act)

    def test_refuses_advice_of_nothing(self, advice):
        advice.pk, advice.reference, advice.amount_minor = None, "RFD-X", 0
        self.refused("amount_positive", lambda: advice.save(force_insert=True))

    @pytest.mark.parametrize(
        "change",
        [
            {"amount_minor": 3_999},
            {"reference": "RFD-X"},
            {"currency": "USD"},
            {"state": "TOLD"},
            {"told_at": made.settlement.ISSUED},
        ],
        ids=str,
    )
    def test_keeps_what_it_says(self, advice, change):
        self.refused(None, lambda: RefundAdvice.objects.update(**change))

    def test_never_leaves_its_end(self, advice, noon):
        RefundAdvice.objects.update(state="TOLD", told_at=noon)
        self.refused("transition", lambda: RefundAdvice.objects.update(state="DUE", told_at=None))

    @pytest.mark.parametrize("sql", ["DELETE FROM", "TRUNCATE"])
    def test_keeps_its_rows(self, advice, sql):
        def act():
            with connection.cursor() as cursor:
                cursor.execute(f"{sql} issuers_refundadvice")

        self.refused(None, act)

    def test_negative_control_advice_of_another_amount_than_went_back_is_found(self, paid, noon):
        extra = remote.refunding(document=paid.reference, refund="RFD-X", amount_minor=1, at=noon)
        give_back(paid, 4_000, noon)
        assert ledger.check() == []

        pipeline.run(extra)

        told_ = f"payment {paid.reference}: 4000 back to its card, its issuer told of 4001"
        assert ledger.check() == [told_]

    def test_negative_control_a_refund_that_nobody_is_told_of_is_found(
        self, paid, terminal, payer, noon, monkeypatch
    ):
        give_back(paid, 4_000, noon)  # since when advice is written
        other = terminal.asks(500, at=noon)
        payer.pays(other, at=noon)
        monkeypatch.setattr(refunds, "_advising", lambda *_told: [])

        give_back(other, 200, noon)

        told_ = f"payment {other.reference}: 200 back to its card, its issuer told of 0"
        assert ledger.check() == [told_]

    def test_what_was_refunded_before_advice_was_written_is_found_good(
        self, paid, terminal, payer, noon, monkeypatch
    ):
        with monkeypatch.context() as before:
            before.setattr(refunds, "_advising", lambda *_told: [])
            give_back(paid, 4_000, noon)
        assert ledger.check() == []

        give_back(paid, 1_000, noon + SECOND)

        assert RefundAdvice.objects.get().amount_minor == 1_000
        assert ledger.check() == []
