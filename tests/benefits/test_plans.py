"""Plans: one live number a phone, amounts at their most, numbers judged at a till."""

from datetime import timedelta

import pytest
from django.db import connection

from benefits.models import Plan, WrongNumber
from benefits.rules.hand import BenefitTwice
from benefits.rules.vocabulary import Kind
from benefits.services import locks, plans
from benefits.services.lookups import LookupLocked
from benefits.services.plans import BenefitUnavailable, BestFor, Wish
from config import devices
from config.audit import SYSTEM
from config.refusals import NotFound
from config.wire.luhn import check_digit
from tests.factories import benefits as made
from tests.factories.requests import payer
from wallets.models import Phone

pytestmark = pytest.mark.django_db


def wrong(n):
    body = f"9{n:014}"
    return body + check_digit(body)


def presented(till, made_plan, at, psn=""):
    code = f"S1.{made_plan.tsn}" + (f".{psn}" if psn else "")
    return plans.look_up(number=code, device=till.device, at=at)


def test_2_02_a_selection_shows_the_benefits_most(shopper, customer, noon):
    gift, capped = made.held(customer, Kind.GIFT_CARD), made.held(customer, cap_minor=700)
    plan = made.plan_of(shopper.phone, gift, capped, (made.held(customer), 300), at=noon)
    assert [each.amount_minor for each in plan.picked] == [10_000, 700, 300]


def test_a_newer_plan_cancels_the_older(shopper, noon):
    first = made.plan_of(shopper.phone, at=noon)
    second = made.plan_of(shopper.phone, at=noon)
    assert Plan.objects.get(pk=first.plan.pk).ending == Plan.Ending.NEWER_PLAN
    assert Plan.objects.get(state="ISSUED") == second.plan


def test_a_plan_at_a_till_outlives_a_newer_one_but_is_not_good_again(shopper, till, noon):
    first = made.plan_of(shopper.phone, at=noon)
    taken = till.takes(first.plan, at=noon)
    second = made.plan_of(shopper.phone, at=noon)
    assert Plan.objects.get(pk=first.plan.pk).state == "LOCKED"
    locks.release(document=taken.redemption.document, at=noon)
    assert Plan.objects.get(pk=first.plan.pk).state == "CANCELLED"
    assert Plan.objects.get(state="ISSUED") == second.plan


def test_the_number_is_nowhere_in_the_database(shopper, customer, noon):
    plan = made.plan_of(shopper.phone, made.held(customer), at=noon)
    with connection.cursor() as cursor:
        cursor.execute("SELECT p::text FROM benefits_plan p")
        (row,) = cursor.fetchone()
    assert plan.tsn not in row
    assert plan.tsn.encode().hex() not in row


def test_the_portal_picks_the_best(shopper, customer, till, noon):
    for amount in (1_000, 3_000):
        made.held(customer, amount_minor=amount, stack_group="one")
    wish = Wish(best_for=BestFor(till.merchant.reference, 10_000, "KRW"))
    plan = plans.make(device=shopper.phone, wish=wish, at=noon)
    assert (plan.savings_minor, [each.amount_minor for each in plan.picked]) == (3_000, [3_000])


def test_anothers_benefit_is_unavailable(shopper, noon):
    other = Phone.objects.get(device=payer().phone).customer
    with pytest.raises(BenefitUnavailable):
        made.plan_of(shopper.phone, made.held(other), at=noon)


def test_a_benefit_stands_once_in_a_plan(shopper, customer, noon):
    coupon = made.held(customer)
    with pytest.raises(BenefitTwice):
        made.plan_of(shopper.phone, coupon, coupon, at=noon)


def test_2_03_a_number_is_found_typed_and_scanned(shopper, till, noon):
    plan = made.plan_of(shopper.phone, at=noon)
    typed = " ".join(plan.tsn[at : at + 4] for at in range(0, 16, 4))
    for number in (typed, f"S1.{plan.tsn}", f"S1.{plan.tsn}.0123456789", f"{plan.tsn}0123456789"):
        assert plans.look_up(number=number, device=till.device, at=noon).plan == plan.plan


def test_2_06_a_number_lives_to_the_second(shopper, till, noon):
    plan = made.plan_of(shopper.phone, at=noon)
    end = noon + timedelta(seconds=600)
    presented(till, plan, end - timedelta(microseconds=1))
    with pytest.raises(plans.TsnExpired):
        presented(till, plan, end)
    assert plans.expire_due(at=end) == 1
    with pytest.raises(plans.TsnExpired):
        presented(till, plan, end)


def test_a_wrong_check_digit_counts_nowhere(till, noon):
    with pytest.raises(plans.NumberMalformed):
        plans.look_up(number="9000000000000000", device=till.device, at=noon)
    assert not WrongNumber.objects.exists()


def test_ten_wrong_numbers_lock_the_terminal_alone(shopper, till, noon):
    plan = made.plan_of(shopper.phone, at=noon)
    for n in range(10):
        with pytest.raises(plans.TsnUnknown):
            plans.look_up(number=wrong(n), device=till.device, at=noon)
    with pytest.raises(LookupLocked):
        presented(till, plan, noon)
    assert presented(made.counter(), plan, noon).plan == plan.plan


def test_a_locked_terminal_is_good_again_after_30_minutes(till, noon):
    for n in range(10):
        with pytest.raises(plans.TsnUnknown):
            plans.look_up(number=wrong(n), device=till.device, at=noon)
    with pytest.raises(LookupLocked) as locked:
        plans.look_up(number=wrong(1), device=till.device, at=noon + timedelta(seconds=1799))
    assert locked.value.extra == {"retry_after_s": 1}
    with pytest.raises(plans.TsnUnknown):
        plans.look_up(number=wrong(1), device=till.device, at=noon + timedelta(seconds=1800))


def judged(shopper, till, plan, at, **psn):
    found = presented(till, plan, at, made.psn_of(shopper, plan, **psn))
    return plans.judge_psn(presented=found, device=till.device, at=at)


def with_card(shopper, at, **wish):
    return made.plan_of(shopper.phone, at=at, card=shopper.held.card.reference, **wish)


def test_2_05_a_payment_number_is_accepted_once(shopper, till, noon):
    plan = with_card(shopper, noon)
    assert judged(shopper, till, plan, noon) is None
    assert isinstance(judged(shopper, till, plan, noon), plans.PsnUsed)
    assert Phone.objects.get(device=shopper.phone).pin_counter == 1


def test_2_06_a_payment_number_lives_to_the_second(shopper, till, noon):
    plan = with_card(shopper, noon)
    end = noon + timedelta(seconds=180)
    assert isinstance(judged(shopper, till, plan, end), plans.PsnExpired)
    assert judged(shopper, till, plan, end - timedelta(microseconds=1)) is None


def test_a_wrong_payment_number_burns_the_plan_and_counts_against_the_terminal(shopper, till, noon):
    plan = with_card(shopper, noon)
    assert isinstance(judged(shopper, till, plan, noon, pin="4321"), plans.PsnInvalid)
    assert Plan.objects.get().ending == Plan.Ending.WRONG_PSN
    assert WrongNumber.objects.get().device == till.device
    assert Phone.objects.get(device=shopper.phone).pin_failures == 0
    with pytest.raises(plans.TsnCancelled):
        presented(till, plan, noon)


def test_a_payment_number_up_to_twenty_ahead_is_accepted(shopper, till, noon):
    shopper.counter = 19
    assert judged(shopper, till, with_card(shopper, noon), noon) is None
    shopper.counter = 40
    assert isinstance(judged(shopper, till, with_card(shopper, noon), noon), plans.PsnInvalid)


def test_a_payment_number_needs_a_card(shopper, till, noon):
    plan = made.plan_of(shopper.phone, at=noon)
    assert isinstance(judged(shopper, till, plan, noon), plans.CardRequired)


def test_above_its_most_or_elsewhere_a_plan_needs_consent(shopper, till, noon):
    plan = with_card(shopper, noon, merchant=till.merchant.reference).plan
    elsewhere = made.counter().merchant
    asked = [(50_000, till.merchant), (50_001, till.merchant), (1, elsewhere)]
    needs = [plans.needs_consent(plan=plan, amount_minor=a, merchant=m) for a, m in asked]
    assert needs == [False, True, True]


def test_a_phone_names_its_own_plan_alone(shopper, noon):
    plan = made.plan_of(shopper.phone, at=noon).plan
    assert plans.own(device=shopper.phone, reference=plan.reference, at=noon) == plan
    with pytest.raises(NotFound):
        plans.own(device=payer().phone, reference=plan.reference, at=noon)


def test_what_a_revoked_phone_planned_is_cancelled(shopper, till, noon):
    plan = made.plan_of(shopper.phone, at=noon)
    devices.revoke(reference=shopper.phone.reference, actor=SYSTEM, at=noon)
    with pytest.raises(plans.TsnCancelled):
        presented(till, plan, noon)
    with pytest.raises(plans.TsnCancelled):
        till.takes(plan.plan, at=noon)
