"""Days closed by hand, refunds in payouts, statements (protocol §9, mission 6.08)."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from settlement.models import MerchantDay, Payment, Payout, PayoutLine
from settlement.selectors import closing as seen
from settlement.services import closing, days, payments, payouts
from settlement.services.payments import refusals
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def terminal():
    return made.terminal()


@pytest.fixture
def payer():
    return made.payer()


@pytest.fixture
def merchant(terminal):
    return terminal.place.merchant


def sale(terminal, payer, amount, at):
    request = terminal.asks(amount, at=at)
    payer.pays(request, at=at)
    return request


def refund(request, amount, at):
    return payments.refund(
        reference=request.reference, amount_minor=amount, reason="", actor=SYSTEM, at=at
    )


def close(merchant, at):
    day = Payment.objects.order_by("id").first().business_date
    return closing.close_day(merchant=merchant, day=day, actor=SYSTEM, at=at)


class TestClosing:
    def test_clears_what_was_taken(self, terminal, payer, merchant, noon):
        request = sale(terminal, payer, 10_000, noon)

        assert close(merchant, noon).differences == []

        with pytest.raises(refusals.AlreadyCleared):
            payments.cancel(device=terminal.device, tid=request.tid, at=noon)
        assert Payout.objects.get().sales_minor == 10_000

    def test_twice_is_once(self, terminal, payer, merchant, noon):
        sale(terminal, payer, 10_000, noon)

        assert close(merchant, noon).day == close(merchant, noon + HOUR).day
        assert Payout.objects.count() == 1

    def test_leaves_what_comes_later_to_the_next_business_day(
        self, terminal, payer, merchant, noon
    ):
        first = sale(terminal, payer, 10_000, noon)
        close(merchant, noon)
        later = sale(terminal, payer, 5_000, noon + HOUR)

        dates = {it.reference: it.business_date for it in Payment.objects.all()}
        assert dates[later.reference] == dates[first.reference] + timedelta(days=1)
        cancelled = payments.cancel(device=terminal.device, tid=later.tid, at=noon + HOUR)
        assert cancelled.state == "REVERSED"

    def test_of_a_day_ahead_is_refused(self, terminal, payer, merchant, noon):
        sale(terminal, payer, 1_000, noon)

        with pytest.raises(closing.DayAhead):
            close(merchant, noon - timedelta(days=1))


class TestRefundsInPayouts:
    def test_before_the_payout_stand_beside_their_sale(self, terminal, payer, merchant, noon):
        request = sale(terminal, payer, 10_000, noon)
        refund(request, 4_000, noon)
        close(merchant, noon)

        payout = Payout.objects.get()
        assert (payout.sales_minor, payout.reversals_minor) == (10_000, 4_000)
        assert PayoutLine.objects.filter(refund__isnull=False).count() == 1

    def test_after_the_payout_stand_in_a_later_one_each_once(self, terminal, payer, merchant, noon):
        request = sale(terminal, payer, 10_000, noon)
        close(merchant, noon)
        for amount in (3_000, 7_000):
            refund(request, amount, noon + HOUR)
        for later in (2, 3):
            payouts.draw_up_due(at=noon + timedelta(days=later))

        net = [(it.sales_minor, it.reversals_minor) for it in Payout.objects.order_by("id")]
        assert net == [(10_000, 0), (0, 10_000)]
        assert PayoutLine.objects.count() == 3

    def test_give_no_fee_back(self, terminal, payer, merchant, noon):
        request = sale(terminal, payer, 10_000, noon)
        refund(request, 10_000, noon)
        close(merchant, noon)

        payout = Payout.objects.get()
        assert payout.fees_minor == Payment.objects.get().fee_minor
        assert payout.net_minor == -payout.fees_minor


class TestDifferences:
    def found(self, merchant):
        day = Payment.objects.first().business_date
        return [each.cause for each in seen.differences(merchant=merchant, day=day)]

    def test_are_none_before_and_after_the_days_are_summed(self, terminal, payer, merchant, noon):
        refund(sale(terminal, payer, 10_000, noon), 1, noon)
        assert self.found(merchant) == []
        days.roll_up()
        assert self.found(merchant) == []

    def test_negative_control_a_day_that_counts_too_much(self, terminal, payer, merchant, noon):
        sale(terminal, payer, 10_000, noon)
        days.roll_up()
        MerchantDay.objects.update(sales_minor=10_001)

        assert self.found(merchant) == ["day_sum"]

    def test_negative_control_a_payment_the_ledger_does_not_hold(
        self, terminal, payer, merchant, noon
    ):
        sale(terminal, payer, 10_000, noon)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE settlement_transfer DISABLE TRIGGER USER")
            cursor.execute("DELETE FROM settlement_transfer WHERE code = 'ONLINE_SALE'")

        assert self.found(merchant) == ["ledger"]


class TestCommands:
    def said(self, *words):
        out = StringIO()
        call_command(*words, "--json", stdout=out)
        return json.loads(out.getvalue())

    def test_tell_the_day_line_by_line(self, terminal, payer, merchant):
        now = timezone.now()
        refund(sale(terminal, payer, 10_000, now), 4_000, now)
        day = Payment.objects.get().business_date.isoformat()

        told = self.said("statement", "--merchant", merchant.reference, "--date", day)
        assert [(line["kind"], line["amount"]) for line in told["lines"]] == [
            ("SALE", 10_000),
            ("REFUND", -4_000),
        ]
        assert (told["total"], told["currency"]) == (6_000, "KRW")
        closed = self.said("close_day", "--merchant", merchant.reference, "--date", day)
        assert (closed["state"], closed["differences"]) == ("CLOSED", [])
        assert self.said("reconcile", "--date", day) == {
            "date": day,
            "differences": [],
            "undelivered": [],
        }
