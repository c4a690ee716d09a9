"""What is taken back: cancelled, reversed, refunded, over every channel (protocol §4)."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from config.models import Audit, Event
from config.refusals import NotFound
from issuers.models import Account
from settlement.models import (
    DayClose,
    ExceptionItem,
    LedgerAccount,
    MerchantDay,
    Payment,
    PaymentRequest,
    Refund,
    Transfer,
)
from settlement.services import batches, days, ledger, payments
from settlement.services.payments import refusals
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def terminal():
    return made.terminal()


@pytest.fixture
def payer(payers):
    return payers()


@pytest.fixture
def paid(terminal, payer, noon):
    request = terminal.asks(10_000, at=noon)
    payer.pays(request, at=noon)
    return request


@pytest.fixture
def offline(till, card, noon):
    till.upload(card.sale(till, 4_000))
    batches.post_waiting(limit=20, at=noon)
    return Payment.objects.get(channel="OFFLINE")


def give_back(reference, amount, at, reason="Returned"):
    return payments.refund(
        reference=reference, amount_minor=amount, reason=reason, actor=SYSTEM, at=at
    )


def payable(merchant):
    key = {"kind": LedgerAccount.Kind.MERCHANT, "owner": merchant}
    return ledger.balance_of(LedgerAccount.objects.get(**key))


class TestCancelling:
    def test_ends_what_is_open(self, terminal, payer, noon):
        request = terminal.asks(at=noon)
        payer.claims(request, at=noon)

        ended = payments.cancel(device=terminal.device, tid=request.tid, at=noon)

        assert ended.state == "CANCELLED"
        assert PaymentRequest.objects.get().ended_at == noon
        with pytest.raises(refusals.PaymentFinal):
            payer.approves(request, at=noon)

    def test_3_10_reverses_an_approval_that_came_first(self, terminal, payer, paid, noon):
        ended = payments.cancel(device=terminal.device, tid=paid.tid, at=noon + MINUTE)

        assert ended.state == "REVERSED"
        assert payer.account.available_minor == 1_000_000
        assert payable(terminal.merchant) == 0
        assert Event.objects.filter(type="payment.reversed").count() == 1
        assert ledger.check() == []

    def test_twice_is_once(self, terminal, paid, noon):
        for _ in range(2):
            payments.cancel(device=terminal.device, tid=paid.tid, at=noon)

        assert Transfer.objects.filter(code="REVERSAL").count() == 1

    def test_is_its_own_terminals_alone(self, paid, noon):
        with pytest.raises(NotFound):
            payments.cancel(device=made.terminal().device, tid=paid.tid, at=noon)

    def test_after_clearing_only_a_refund_is_left(self, terminal, paid, noon):
        payment = Payment.objects.get()
        DayClose.objects.create(
            merchant=payment.merchant,
            business_date=payment.business_date,
            closed_by="SYSTEM",
            closed_at=noon + MINUTE,
        )

        with pytest.raises(refusals.AlreadyCleared):
            payments.cancel(device=terminal.device, tid=paid.tid, at=noon)
        assert give_back(payment.reference, 10_000, noon).refundable_minor == 0

    def test_counts_in_the_day_of_the_sale(self, terminal, paid, noon):
        payments.cancel(device=terminal.device, tid=paid.tid, at=noon)
        days.roll_up()

        day = MerchantDay.objects.get()
        assert (day.sales_minor, day.reversals, day.reversals_minor) == (10_000, 1, 10_000)


class TestRefunding:
    def test_full_in_several_parts(self, terminal, payer, paid, noon):
        first = give_back(paid.reference, 4_000, noon)
        second = give_back(paid.reference, 6_000, noon)

        assert (first.refundable_minor, second.refundable_minor) == (6_000, 0)
        assert payer.account.available_minor == 1_000_000
        assert payable(terminal.merchant) == 0
        assert Payment.objects.get().state == "APPROVED"
        assert Event.objects.filter(type="refund.created").count() == 2
        assert ledger.check() == []

    def test_is_never_above_what_was_paid(self, paid, noon):
        give_back(paid.reference, 4_000, noon)

        with pytest.raises(refusals.ExceedsRefundable):
            give_back(paid.reference, 6_001, noon)
        assert Refund.objects.count() == 1

    def test_leaves_no_reversal(self, terminal, paid, noon):
        give_back(paid.reference, 1, noon)

        with pytest.raises(refusals.AlreadyRefunded):
            payments.cancel(device=terminal.device, tid=paid.tid, at=noon)

    def test_of_what_was_not_paid_is_refused(self, terminal, noon):
        request = terminal.asks(at=noon)

        with pytest.raises(refusals.PaymentNotRefundable):
            give_back(request.reference, 1, noon)

    def test_of_what_was_reversed_is_refused(self, terminal, paid, noon):
        payments.cancel(device=terminal.device, tid=paid.tid, at=noon)

        with pytest.raises(refusals.PaymentNotRefundable):
            give_back(paid.reference, 1, noon)

    def test_is_audited_with_its_reason(self, paid, noon):
        give_back(paid.reference, 1, noon, reason="Broken cup")

        row = Audit.objects.get(action="payment.refund")
        assert (row.subject, row.reason) == (paid.reference, "Broken cup")


class TestAClosedAccount:
    @pytest.fixture
    def closed(self, payer, paid):
        Account.objects.filter(pk=payer.account.pk).update(state="CLOSED")
        return payer.account

    @pytest.mark.parametrize("amount", [10_000, 1])
    def test_stays_empty_what_came_is_due_to_its_holder(self, closed, paid, noon, amount):
        before = closed.balance_minor

        give_back(paid.reference, amount, noon)

        closed.refresh_from_db()
        assert closed.balance_minor == before
        item = ExceptionItem.objects.get()
        assert (item.kind, item.detail["amount_minor"]) == ("closed_account_money", amount)
        assert ledger.check() == []


class TestOffline:
    def test_a_sale_is_refunded(self, card, offline, noon):
        before = Account.objects.get(pk=card.card.account_id).balance_minor

        give_back(offline.reference, 1_500, noon)

        after = Account.objects.get(pk=card.card.account_id)
        assert after.balance_minor == before + 1_500
        assert after.offline_reserve_minor == Account.objects.get().offline_reserve_minor
        assert ledger.check() == []

    def test_a_sale_is_reversed_before_clearing(self, card, offline, noon):
        payments.reverse(reference=offline.reference, reason="Twice", actor=SYSTEM, at=noon)

        assert Payment.objects.get().state == "REVERSED"
        assert ledger.check() == []

    def test_a_void_that_comes_after_a_reversal_gives_nothing_again(
        self, till, card, offline, noon
    ):
        payments.reverse(reference=offline.reference, reason="Twice", actor=SYSTEM, at=noon)
        before = Account.objects.get(pk=card.card.account_id).balance_minor

        till.upload(card.void(till, 4_000, offline.atc))
        batches.post_waiting(limit=20, at=noon)

        assert Account.objects.get(pk=card.card.account_id).balance_minor == before
        assert Payment.objects.get().state == "REVERSED"
        assert ledger.check() == []

    def test_a_void_that_comes_after_a_refund_gives_nothing_twice(self, till, card, offline, noon):
        give_back(offline.reference, 1_500, noon)

        till.upload(card.void(till, 4_000, offline.atc))
        batches.post_waiting(limit=20, at=noon)

        assert Payment.objects.get().refunded_minor == 1_500
        assert Payment.objects.get().state == "APPROVED"
        assert ledger.check() == []


class TestTheDatabaseHoldsItToo:
    def attempt(self, sql, *parameters):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_more_than_was_paid(self, paid):
        with pytest.raises(IntegrityError, match="payment_refunded_within_amount"):
            self.attempt("UPDATE settlement_payment SET refunded_minor = 10001")

    def test_a_sum_without_its_refund(self, paid, noon):
        give_back(paid.reference, 1, noon)
        with pytest.raises(IntegrityError, match="do not add up"):
            self.attempt(
                "INSERT INTO settlement_refund (reference, payment_id, amount_minor, currency,"
                " reason, refunded_by, business_date, refunded_at)"
                " SELECT 'RFD-X', payment_id, 1, currency, '', '', business_date, refunded_at"
                " FROM settlement_refund"
            )

    @pytest.mark.parametrize("state", ["DECLINED", "CANCELLED", "EXPIRED", "REQUESTED"])
    def test_an_approval_that_becomes_something_else(self, paid, state):
        with pytest.raises(IntegrityError, match="transition"):
            self.attempt("UPDATE settlement_payment SET state = %s", state)

    def test_a_declined_payment_that_changes(self, terminal, payer, noon):
        request = terminal.asks(at=noon)
        payer.claims(request, at=noon)
        payments.decline(device=payer.phone, tid=request.tid, at=noon)

        with pytest.raises(IntegrityError, match="Cannot update"):
            self.attempt("UPDATE settlement_payment SET decline_reason = 'velocity'")

    def test_another_card_than_approved(self, paid):
        made.payer()
        with pytest.raises(IntegrityError, match="Cannot update"):
            self.attempt(
                "UPDATE settlement_payment SET card_id = (SELECT max(id) FROM issuers_card)"
            )

    def test_a_refund_that_changes(self, paid, noon):
        give_back(paid.reference, 1, noon)
        with pytest.raises(Exception, match=r"(?i)cannot update|append"):
            self.attempt("UPDATE settlement_refund SET amount_minor = 2")
