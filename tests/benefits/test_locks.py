"""Locks: what a till takes, and what commit and release leave of it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from benefits.models import BudgetSlot, Holding, Lock, Lot, Plan
from benefits.rules.vocabulary import Item, Kind
from benefits.selectors import redemptions
from benefits.services import catalogue, holdings, locks, plans
from benefits.services.holdings import Worth
from benefits.services.locks import NotHeld
from config import pipeline
from config.audit import SYSTEM
from tests.factories import benefits as made
from tests.factories.requests import payer

pytestmark = pytest.mark.django_db


def points(customer, noon, *lots):
    """Return a holding of lots of (amount, days until they expire)."""
    of = made.definition(Kind.POINTS)
    for key, (amount, days) in enumerate(lots):
        worth = Worth(amount_minor=amount, expires_at=noon + timedelta(days=days))
        holding = made.held(customer, of=of, key=str(key), worth=worth)
    return holding


def left():
    return [*Lot.objects.order_by("expires_at").values_list("left_minor", flat=True)]


def position(holding):
    fresh = Holding.objects.get(pk=holding.pk)
    return fresh.state, fresh.used, fresh.uses_held, fresh.balance_minor, fresh.held_minor


def test_2_01_one_number_takes_coupon_points_and_gift_card(shopper, customer, till, noon):
    coupon, gift = made.held(customer), made.held(customer, Kind.GIFT_CARD)
    plan = made.plan_of(shopper.phone, coupon, points(customer, noon, (500, 9)), gift, at=noon)
    taken = till.takes(plan.plan, 15_000, at=noon)
    assert [line.amount_minor for line in taken.lines] == [1_000, 500, 10_000]
    assert taken.redemption.remainder_minor == 15_000 - 11_500 == 3_500


def test_points_go_oldest_expiry_first(shopper, customer, till, noon):
    holding = points(customer, noon, (300, 30), (200, 10), (100, 20))
    plan = made.plan_of(shopper.phone, (holding, 250), at=noon)
    till.takes(plan.plan, at=noon)
    assert left() == [0, 50, 300]


def test_what_is_committed_is_used_and_the_number_with_it(shopper, customer, till, noon):
    coupon, gift = made.held(customer), made.held(customer, Kind.GIFT_CARD)
    plan = made.plan_of(shopper.phone, coupon, gift, at=noon)
    document = till.takes(plan.plan, 5_000, at=noon).redemption.document
    once, again = (locks.commit(document=document, tender="NONE", at=noon) for _ in range(2))
    assert position(coupon) == ("USED", 1, 0, None, 0)
    assert position(gift) == ("ACTIVE", 0, 0, 6_000, 0)
    assert Plan.objects.get().state == "CONSUMED"
    assert [one.line for one in once] == [one.line for one in again]


def test_2_09_what_is_released_is_as_before_and_the_number_good_again(
    shopper, customer, till, noon
):
    coupon, gift = made.held(customer), made.held(customer, Kind.GIFT_CARD)
    spent = points(customer, noon, (300, 30), (200, 10))
    before = [position(each) for each in (coupon, gift, spent)], left()
    plan = made.plan_of(shopper.phone, coupon, gift, spent, at=noon)
    document = till.takes(plan.plan, 50_000, at=noon).redemption.document
    for _ in range(2):
        locks.release(document=document, at=noon)
    assert ([position(each) for each in (coupon, gift, spent)], left()) == before
    assert till.takes(plan.plan, 50_000, at=noon).redemption.remainder_minor == 38_500


def test_a_plan_released_after_its_time_has_expired(shopper, till, noon):
    plan = made.plan_of(shopper.phone, at=noon)
    document = till.takes(plan.plan, at=noon).redemption.document
    later = noon + timedelta(seconds=600)
    assert plans.expire_due(at=later) == 0
    locks.release(document=document, at=later)
    assert Plan.objects.get().state == "EXPIRED"


def test_what_was_released_is_not_committed(shopper, till, noon):
    document = till.takes(made.plan_of(shopper.phone, at=noon).plan, at=noon).redemption.document
    locks.release(document=document, at=noon)
    with pytest.raises(NotHeld):
        locks.commit(document=document, tender="CASH", at=noon)


def test_2_05_a_plan_at_a_till_is_at_no_other(shopper, till, noon):
    plan = made.plan_of(shopper.phone, at=noon).plan
    till.takes(plan, at=noon)
    with pytest.raises(plans.TsnUsed):
        made.counter().takes(plan, at=noon)


def test_of_two_plans_with_one_coupon_the_first_has_it(shopper, customer, till, noon):
    coupon = made.held(customer)
    first = made.plan_of(shopper.phone, coupon, at=noon).plan
    till.takes(first, at=noon)
    with pytest.raises(plans.BenefitUnavailable):
        made.plan_of(shopper.phone, coupon, at=noon)


def test_what_was_taken_meanwhile_is_told(shopper, customer, till, noon):
    coupon = made.held(customer)
    plan = made.plan_of(shopper.phone, coupon, at=noon).plan
    Holding.objects.filter(pk=coupon.pk).update(used=1, state="USED")
    taken = till.takes(plan, at=noon)
    assert [(skip.benefit, skip.code) for skip in taken.skipped] == [
        (coupon.reference, "benefit_taken")
    ]
    assert taken.redemption.remainder_minor == 10_000


def test_2_12_a_card_discount_needs_its_card(shopper, customer, till, noon):
    card, other = shopper.held.card, payer().held.card
    issuers = (card.issuer.reference,)
    discount = made.held(customer, Kind.CARD_DISCOUNT, issuers=issuers, uses_each=None)
    seen = []
    for paying in (None, other, card):
        plan = made.plan_of(shopper.phone, discount, at=noon, card=card.reference).plan
        taken = till.takes(plan, at=noon, card=paying)
        seen.append((taken.redemption.remainder_minor, [each.code for each in taken.skipped]))
        locks.commit(document=taken.redemption.document, tender="CARD", at=noon)
    assert seen == [
        (10_000, ["card_required"]),
        (10_000, ["card_mismatch"]),
        (9_000, []),
    ]


def test_a_benefit_without_end_is_never_used_up(shopper, customer, till, noon):
    grade = made.held(customer, Kind.GRADE, percent_bps=500, uses_each=None)
    for _ in range(3):
        taken = till.takes(made.plan_of(shopper.phone, grade, at=noon).plan, at=noon)
        locks.commit(document=taken.redemption.document, tender="CASH", at=noon)
    assert position(grade) == ("ACTIVE", 0, 0, None, 0)


def test_a_receipts_identifier_is_attached_and_sealed(shopper, customer, till, noon):
    receipt = made.held(customer, Kind.CASH_RECEIPT, uses_each=None)
    taken = till.takes(made.plan_of(shopper.phone, receipt, at=noon).plan, at=noon)
    assert [(line.amount_minor, line.why["code"]) for line in taken.lines] == [(0, "attached")]
    assert b"1234" not in bytes(receipt.identifier)
    assert receipt.identifier_tail == "5678"


def test_a_paused_benefit_counts_at_no_till(shopper, customer, till, noon):
    of = made.definition()
    plan = made.plan_of(shopper.phone, made.held(customer, of=of), at=noon).plan
    catalogue.pause(definition=of, actor=SYSTEM, at=noon)
    assert till.takes(plan, at=noon).redemption.remainder_minor == 10_000


def test_an_item_coupon_takes_of_its_item(shopper, customer, till, noon):
    coupon = made.held(customer, Kind.COUPON_ITEM, percent_bps=5_000, skus=("bread",))
    plan = made.plan_of(shopper.phone, coupon, at=noon).plan
    taken = till.takes(plan, at=noon, items=(Item(sku="bread", amount_minor=3_001),))
    assert taken.redemption.remainder_minor == 8_500


def test_a_spent_budget_is_told_and_nothing_else_suffers(shopper, customer, till, noon):
    small, other = made.definition(budget_minor=999), made.definition(budget_minor=10_000)
    chosen = [made.held(customer, of=of) for of in (small, other)]
    taken = till.takes(made.plan_of(shopper.phone, *chosen, at=noon).plan, at=noon)
    assert [skip.code for skip in taken.skipped] == ["budget_spent"]
    assert [line.slot.definition_id for line in taken.lines] == [other.pk]
    assert sum(BudgetSlot.objects.values_list("taken_minor", flat=True)) == 1_000


def test_a_budget_in_slots_is_spent_to_the_last_unit(shopper, customer, till, noon):
    of = made.definition(budget_minor=2_000)
    for key in ("first", "second"):
        coupon = made.held(customer, of=of, key=key)
        taken = till.takes(made.plan_of(shopper.phone, coupon, at=noon).plan, at=noon)
        locks.commit(document=taken.redemption.document, tender="CASH", at=noon)
    assert sum(BudgetSlot.objects.values_list("taken_minor", flat=True)) == 2_000
    with pytest.raises(plans.BenefitUnavailable):
        made.plan_of(shopper.phone, made.held(customer, of=of, key="third"), at=noon)


def test_a_release_gives_the_budget_back(shopper, customer, till, noon):
    coupon = made.held(customer, of=made.definition(budget_minor=1_000, uses_in_all=1))
    plan = made.plan_of(shopper.phone, coupon, at=noon).plan
    for _ in range(2):
        taken = till.takes(plan, at=noon)
        assert taken.redemption.remainder_minor == 9_000
        locks.release(document=taken.redemption.document, at=noon)
    assert [*BudgetSlot.objects.values_list("taken_minor", "taken_uses")] == [(0, 0)]


def test_2_13_each_sponsor_bears_its_share_to_the_unit(shopper, customer, till, noon):
    shares = [(made.sponsor(name), bps) for name, bps in (("A", 3_333), ("B", 3_333), ("C", 3_334))]
    coupon = made.held(customer, of=made.definition(shares=shares, amount_minor=1_000))
    taken = till.takes(made.plan_of(shopper.phone, coupon, at=noon).plan, at=noon)
    (one,) = locks.commit(document=taken.redemption.document, tender="CASH", at=noon)
    assert [part for _sponsor, part in one.shares] == [333, 333, 334]


def test_a_take_needs_a_fixed_number_of_statements(shopper, customer, till, noon, monkeypatch):
    run, asked = pipeline.run, []
    monkeypatch.setattr(pipeline, "run", lambda *said: asked.append(len(said)) or run(*said))

    def statements(count):
        of = [made.definition(budget_minor=10**6) for _ in range(count)]
        chosen = [made.held(customer, of=each) for each in of]
        plan = made.plan_of(shopper.phone, *chosen, points(customer, noon, (9, 9)), at=noon).plan
        asked.clear()
        with CaptureQueriesContext(connection) as beside:
            taken = till.takes(plan, 100_000, at=noon)
        assert (len(taken.lines), len(beside)) == (count + 1, 0)
        return asked.copy()

    # Plan, holdings, lots, budgets; savepoint, slots; its end, lines, holdings, lots.
    assert statements(2) == statements(9) == [4, 2, 4]


def test_a_sponsor_sees_the_pace_at_each_merchant_and_the_share_in_cash(
    shopper, customer, till, noon
):
    coupon = made.held(customer, uses_each=4)
    for tender in ("CASH", "CASH", "CASH", "CARD"):
        taken = till.takes(made.plan_of(shopper.phone, coupon, at=noon).plan, at=noon)
        locks.commit(document=taken.redemption.document, tender=tender, at=noon)
    (pace,) = redemptions.paces(sponsor=made.sponsor(), since=noon)
    assert (pace.redemptions, pace.taken_minor, pace.cash_bps) == (4, 4_000, 7_500)


def test_what_is_still_held_is_found(shopper, till, noon):
    document = till.takes(made.plan_of(shopper.phone, at=noon).plan, at=noon).redemption.document
    later = noon + timedelta(seconds=1)
    assert redemptions.held_since(before=noon, limit=9) == []
    assert redemptions.held_since(before=later, limit=9) == [document]
    assert redemptions.lines_of(documents=[document]) == {}


def test_points_and_coupons_expire(customer, noon):
    coupon = made.held(customer, ends_at=noon)
    spent = points(customer, noon, (300, 30), (200, 10))
    assert holdings.expire_due(at=noon + timedelta(days=10)) == 2
    assert position(coupon)[0] == "EXPIRED"
    assert (position(spent)[3], left()) == (300, [0, 300])


def at_commit(act):
    """Do ``act`` with the checks of a commit."""
    with transaction.atomic(), connection.cursor() as cursor:
        act()
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_database_wants_the_lines_to_be_what_is_off(shopper, customer, till, noon):
    taken = till.takes(made.plan_of(shopper.phone, made.held(customer), at=noon).plan, at=noon)
    stray = Lock(redemption=taken.redemption, holding=made.held(customer), turn=9, why={})
    stray.amount_minor = 1
    with pytest.raises(IntegrityError):
        at_commit(stray.save)


def test_the_database_wants_the_lots_to_be_the_points(customer, noon):
    points(customer, noon, (300, 30))
    with pytest.raises(IntegrityError):
        at_commit(lambda: Lot.objects.update(left_minor=299))
