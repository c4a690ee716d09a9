"""Refunds and accruals: what comes back, what is taken back, each once."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from benefits.models import BudgetSlot, Holding, Lot, StampCard
from benefits.rules.earning import Earns
from benefits.rules.vocabulary import Kind
from benefits.services import accruals, clawing_back, earning_rules, locks, restoring
from benefits.services.accruals import Paid
from benefits.services.earning_rules import EarningTerms
from benefits.services.holdings import BudgetExhausted, Worth
from config.audit import SYSTEM
from tests.factories import benefits as made

pytestmark = pytest.mark.django_db


@pytest.fixture
def bought(shopper, customer, till, noon):
    """Return a function that uses holdings on a purchase, and its document."""

    def buy(*chosen, amount=10_000, at=noon):
        taken = till.takes(made.plan_of(shopper.phone, *chosen, at=at).plan, amount, at=at)
        locks.commit(document=taken.redemption.document, tender="CASH", at=at)
        return taken.redemption.document

    return buy


def fresh(holding):
    return Holding.objects.get(pk=holding.pk)


def test_2_10_a_full_refund_brings_everything_back(customer, bought, noon):
    of = made.definition(budget_minor=5_000)
    coupon, gift, spent = (
        made.held(customer, of=of),
        made.held(customer, Kind.GIFT_CARD),
        made.held(customer, Kind.POINTS, worth=Worth(amount_minor=500)),
    )
    document = bought(coupon, gift, spent, amount=20_000)
    done = restoring.refund(document=document, key="RFN-1", amount_minor=20_000, at=noon)
    assert (done.tender_minor, [line.use for line in done.lines]) == (8_500, [True, False, False])
    assert [fresh(each).state for each in (coupon, gift, spent)] == ["ACTIVE"] * 3
    assert [fresh(each).balance_minor for each in (gift, spent)] == [10_000, 500]
    assert sum(BudgetSlot.objects.values_list("taken_minor", flat=True)) == 0


def test_2_10_a_partial_refund_brings_its_proportion_and_no_coupon(customer, bought, noon):
    coupon, gift = made.held(customer), made.held(customer, Kind.GIFT_CARD)
    document = bought(coupon, gift, amount=14_333)
    done = restoring.refund(document=document, key="RFN-1", amount_minor=5_000, at=noon)
    # money 3,333 x 5,000 / 14,333 = 1,162.7 up; coupon 348.8 and gift card 3,488.4 down
    assert (done.tender_minor, [line.amount_minor for line in done.lines]) == (1_163, [348, 3_488])
    assert (fresh(coupon).state, fresh(gift).balance_minor) == ("USED", 3_488)


def test_the_refund_that_completes_the_whole_brings_the_coupon(customer, bought, noon):
    coupon = made.held(customer)
    document = bought(coupon)
    for key, amount in (("RFN-1", 4_000), ("RFN-2", 6_000)):
        restoring.refund(document=document, key=key, amount_minor=amount, at=noon)
    assert fresh(coupon).state == "ACTIVE"


def test_a_refund_counts_once_and_is_previewed_as_it_comes(customer, bought, noon):
    gift = made.held(customer, Kind.GIFT_CARD)
    document = bought(gift, amount=12_000)
    seen = restoring.preview(document=document, amount_minor=3_000, at=noon)
    assert fresh(gift).balance_minor == 0
    first, again = (
        restoring.refund(document=document, key="RFN-1", amount_minor=3_000, at=noon)
        for _ in range(2)
    )
    assert seen == first == again
    assert fresh(gift).balance_minor == 2_500


def test_no_more_comes_back_than_was_bought(customer, bought, noon):
    document = bought(made.held(customer))
    with pytest.raises(restoring.ExceedsRefundable):
        restoring.refund(document=document, key="RFN-1", amount_minor=10_001, at=noon)


@pytest.mark.parametrize(("days", "state"), [(7, "ACTIVE"), (8, "USED")])
def test_a_coupon_comes_back_within_seven_days_of_its_end(customer, bought, noon, days, state):
    coupon = made.held(customer, ends_at=noon + timedelta(days=1))
    document = bought(coupon)
    at = noon + timedelta(days=days)
    restoring.refund(document=document, key="RFN-1", amount_minor=10_000, at=at)
    assert fresh(coupon).state == state
    assert state == "USED" or fresh(coupon).ends_at == at + timedelta(days=7)


def test_points_that_expired_meanwhile_come_back_for_seven_days(customer, bought, noon):
    worth = Worth(amount_minor=500, expires_at=noon + timedelta(days=1))
    spent = made.held(customer, Kind.POINTS, worth=worth)
    document = bought(spent)
    at = noon + timedelta(days=2)
    restoring.refund(document=document, key="RFN-1", amount_minor=10_000, at=at)
    assert [*spent.lots.filter(left_minor=500).values_list("expires_at", flat=True)] == [
        at + timedelta(days=7)
    ]


def earned(customer, till, document, at, base=10_000):
    paid = Paid(
        document=document,
        customer=customer,
        merchant=till.merchant,
        currency="KRW",
        base_minor=base,
        paid_at=at,
    )
    return accruals.give(purchases=[paid], at=at)


def test_points_are_earned_once_a_payment(customer, till, noon):
    made.earning(till.merchant, points_bps=155, lot_days=30, at=noon)
    for _ in range(2):
        (given,) = earned(customer, till, "PAY-1", noon, base=9_999)
    assert (given.amount, given.lot.expires_at) == (154, noon + timedelta(days=30))
    assert Holding.objects.get().balance_minor == 154


@pytest.fixture
def spent(till, noon):
    """Two rules, of which one gives points whose budget cannot bear what a payment earns."""
    own = [(made.sponsor_of(till.merchant), 10_000)]
    tight = made.definition(Kind.POINTS, shares=own, budget_minor=100)
    terms = EarningTerms(earns=Earns(points_bps=200))
    earning_rules.add(merchant=till.merchant, gives=tight, terms=terms, actor=SYSTEM, at=noon)
    made.earning(till.merchant, points_bps=155, at=noon)
    return tight


def test_points_above_their_budget_leave_nothing_and_the_other_rule_gives(
    customer, till, noon, spent
):
    assert [each.amount for each in earned(customer, till, "PAY-1", noon)] == [155]
    assert not Holding.objects.filter(definition=spent).exists()
    assert Lot.objects.get().granted_minor == 155


def test_control_without_a_savepoint_the_database_refuses_points_above_their_budget(
    customer, till, noon, spent, monkeypatch
):
    def without_savepoint(each, at):
        with suppress(BudgetExhausted):
            return accruals._points([each], at)
        return []

    monkeypatch.setattr(accruals, "_points_of_budget", without_savepoint)

    def earned_and_checked():
        with transaction.atomic():
            earned(customer, till, "PAY-1", noon)
            connection.check_constraints()

    with pytest.raises(IntegrityError, match="do not make its points"):
        earned_and_checked()


def test_a_full_stamp_card_brings_its_reward_once_and_a_new_one_begins(customer, till, noon):
    reward = made.earning(till.merchant, Kind.STAMP, stamps_needed=3, at=noon).gives
    for n in range(4):
        earned(customer, till, f"PAY-{n}", noon)
        earned(customer, till, f"PAY-{n}", noon)
    assert [*StampCard.objects.order_by("pk").values_list("stamps", flat=True)] == [3, 1]
    assert Holding.objects.filter(definition=reward).count() == 1


def test_a_refund_takes_back_what_was_earned_as_far_as_it_is_there(customer, till, bought, noon):
    of = made.earning(till.merchant, points_bps=1_000, at=noon).gives
    document = bought(made.held(customer))
    earned(customer, till, document, noon, base=9_000)
    bought((Holding.objects.get(definition=of), 300))
    done = restoring.refund(document=document, key="RFN-1", amount_minor=10_000, at=noon)
    assert (done.points_back, done.points_short) == (600, 300)


def test_half_a_refund_takes_half_the_points_and_no_stamp(customer, till, noon):
    made.earning(till.merchant, points_bps=100, at=noon)
    stamps = made.earning(till.merchant, Kind.STAMP, stamps_needed=1, at=noon).gives
    earned(customer, till, "PAY-1", noon)
    for key, refunded in (("RFN-1", 5_000), ("RFN-2", 10_000)):
        told = clawing_back.claw_back(
            document="PAY-1", key=key, refunded_minor=refunded, purchase_minor=10_000, at=noon
        )
        assert told == (50, 0)
    assert Holding.objects.get(definition=stamps).state == "WITHDRAWN"
