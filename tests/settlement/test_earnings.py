"""Points and stamps that payments earn: by T-ID, at tills, offline; and what is taken back."""

from datetime import timedelta

import pytest

from benefits.models import Accrual, Clawback, Holding, StampCard
from benefits.rules.earning import Earns
from benefits.rules.vocabulary import Kind
from benefits.services import earning_rules
from benefits.services.earning_rules import EarningTerms
from merchants.models import Merchant
from settlement.models import Earned, Payment
from settlement.services import batches, earnings, payments
from tests.factories import benefits as held
from tests.factories import checkouts, settlement
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM
from wallets.models import Phone

pytestmark = pytest.mark.django_db

# Statements, with the two of a savepoint that only a test has: the purchase 3, its note 2, rules
# and what they gave 2; of all rules together holdings, lots and accruals 5.
GIVING = 14


@pytest.fixture
def shopper(db):
    return made.payer(balance=500_000)


@pytest.fixture
def customer(shopper):
    return Phone.objects.get(device=shopper.phone).customer


def earns_at(merchant, at, bps=100):
    """Let payments at a merchant earn points."""
    return held.earning(Merchant.objects.get(reference=merchant), points_bps=bps, at=at)


def points():
    return sum(Holding.objects.filter(kind="POINTS").values_list("balance_minor", flat=True))


def test_a_payment_earns_once(shopper, noon):
    terminal = made.terminal()
    earns_at(terminal.merchant, noon)
    shopper.pays(terminal.asks(10_000, at=noon), at=noon)
    assert [earnings.give_due(at=noon, limit=9) for _ in range(2)] == [1, 0]
    assert points() == 100


def test_points_to_a_holding_that_is_there_take_few_statements(
    shopper, noon, django_assert_max_num_queries
):
    terminal = made.terminal()
    earns_at(terminal.merchant, noon)
    for _ in range(2):
        shopper.pays(terminal.asks(10_000, at=noon), at=noon)
    first, second = Payment.objects.order_by("pk").values_list("reference", flat=True)
    earnings.give(document=first, at=noon)
    with django_assert_max_num_queries(GIVING):
        earnings.give(document=second, at=noon)
    assert points() == 200


def test_the_rules_are_those_of_when_it_was_paid(shopper, noon):
    terminal = made.terminal()
    later = noon + timedelta(minutes=5)
    ended = earns_at(terminal.merchant, noon)
    earns_at(terminal.merchant, later, bps=900)
    shopper.pays(terminal.asks(10_000, at=noon), at=noon)
    earning_rules.end(rule=ended, actor=SYSTEM, at=later)
    assert earnings.give_due(at=later, limit=9) == 1
    assert [(each.earning, each.amount) for each in Accrual.objects.all()] == [(ended, 100)]


def test_without_its_note_a_payment_would_be_looked_at_for_ever(shopper, noon, monkeypatch):
    terminal = made.terminal()
    earns_at(terminal.merchant, noon)
    shopper.pays(terminal.asks(10_000, at=noon), at=noon)
    monkeypatch.setattr(Earned.objects, "bulk_create", lambda _rows: None)
    assert [earnings.give_due(at=noon, limit=9) for _ in range(2)] == [1, 1]


def test_discounts_and_points_earn_nothing_gift_cards_do(shopper, customer, noon):
    till = checkouts.till()
    earns_at(till.merchant, noon)
    chosen = [held.held(customer), (held.held(customer, Kind.GIFT_CARD), 2_000)]
    quoted = till.presents(held.plan_of(shopper.phone, *chosen, at=noon).tsn, at=noon)
    till.confirms(quoted, at=noon)
    earnings.give_due(at=noon, limit=9)
    assert Accrual.objects.get().base_minor == 9_000


def test_a_purchase_paid_at_the_till_alone_earns_too(shopper, noon):
    till = checkouts.till()
    earns_at(till.merchant, noon)
    quoted = till.presents(held.plan_of(shopper.phone, at=noon).tsn, at=noon)
    till.confirms(quoted, at=noon)
    assert (earnings.give_due(at=noon, limit=9), points()) == (1, 100)
    till.cancels(quoted, at=noon)
    assert points() == 0


def test_6_02_an_offline_payment_earns_when_its_batch_posts(customer, shopper, noon):
    till = settlement.till(now=noon)
    earns_at(till.merchant.reference, noon - timedelta(hours=1))
    till.upload(shopper.held.sale(till, 4_000))
    assert earnings.give_due(at=noon, limit=9) == 0
    batches.post_waiting(limit=20, at=noon)
    assert (earnings.give_due(at=noon, limit=9), points()) == (1, 40)


def test_2_10_a_refund_takes_back_what_was_earned(shopper, noon):
    terminal = made.terminal()
    earns_at(terminal.merchant, noon)
    request = terminal.asks(10_000, at=noon)
    shopper.pays(request, at=noon)
    give_back(request, 2_500, noon)  # before it earned
    earnings.give_due(at=noon, limit=9)
    assert points() == 75
    give_back(request, 2_500, noon)
    assert points() == 50
    give_back(request, 5_000, noon)
    assert points() == 0
    assert sum(Clawback.objects.values_list("amount", flat=True)) == 100


def test_a_purchase_refunded_before_it_earned_costs_another_no_stamp(shopper, noon):
    terminal = made.terminal()
    held.earning(
        Merchant.objects.get(reference=terminal.merchant), Kind.STAMP, stamps_needed=2, at=noon
    )
    refunded, kept = (terminal.asks(10_000, at=noon) for _ in range(2))
    for request in (refunded, kept):
        shopper.pays(request, at=noon)
    give_back(refunded, 10_000, noon)
    assert earnings.give_due(at=noon, limit=9) == 2
    # Together they would fill the card, whose reward would then go, and with it the stamp of both.
    assert (StampCard.objects.get().stamps, Holding.objects.filter(kind=Kind.STAMP).count()) == (
        1,
        0,
    )


def test_of_purchases_together_a_budget_gives_those_it_has_points_for(shopper, noon):
    terminal = made.terminal()
    merchant = Merchant.objects.get(reference=terminal.merchant)
    own = [(held.sponsor_of(merchant), 10_000)]
    of = held.definition(Kind.POINTS, shares=own, budget_minor=250)
    terms = EarningTerms(earns=Earns(points_bps=100))
    earning_rules.add(merchant=merchant, gives=of, terms=terms, actor=SYSTEM, at=noon)
    for _ in range(4):
        shopper.pays(terminal.asks(10_000, at=noon), at=noon)
    assert [earnings.give_due(at=noon, limit=9) for _ in range(2)] == [4, 0]
    assert (Accrual.objects.count(), points()) == (2, 200)


def give_back(request, amount, at):
    payments.refund(
        reference=request.reference, amount_minor=amount, reason="", actor=SYSTEM, at=at
    )


def test_what_was_reversed_earns_nothing(shopper, noon):
    terminal = made.terminal()
    earns_at(terminal.merchant, noon)
    request = terminal.asks(10_000, at=noon)
    shopper.pays(request, at=noon)
    payments.cancel(device=terminal.device, tid=request.tid, at=noon)
    assert (earnings.give_due(at=noon, limit=9), Accrual.objects.count()) == (0, 0)
    assert Payment.objects.get().state == "REVERSED"
