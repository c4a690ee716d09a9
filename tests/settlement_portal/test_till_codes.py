"""A customer's code at the till's pages: taken, quoted, ended, and why another is not."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from benefits.models import Plan, WrongNumber
from benefits.rules.vocabulary import Kind
from config.models import Audit
from config.roles import MATRIX, Right, Role
from settlement.models import Checkout, Payment
from tests.factories import benefits as held
from tests.factories import checkouts as made
from tests.settlement_portal.world import payer_of
from wallets.models import Phone

KEY = "c" * 24
UNKNOWN = "9000000000000001"


@pytest.fixture
def shop(world):
    return world.merchant


@pytest.fixture
def till(shop):
    return reverse("till", args=[shop.reference])


@pytest.fixture
def form(shop):
    store = shop.stores.get()
    return {"amount": "12,500", "order": "B-7", "store": store.reference, "key": KEY}


@pytest.fixture
def payer(world):
    return payer_of(world)


@pytest.fixture
def planned(payer):
    """Return a function that plans a coupon of 1,000 and what else is asked for."""
    customer = Phone.objects.get(device=payer.phone).customer

    def plan(*more, **wish):
        coupon = held.held(customer)
        chosen = [coupon, *(held.held(customer, kind) for kind in more)]
        return held.plan_of(payer.phone, *chosen, at=timezone.now(), **wish)

    return plan


@pytest.fixture
def take(cashier, till, form):
    """Return a function that types a code at the till, and gives the address it leads to."""

    def act(code, **changes):
        answer = cashier.post(till, form | {"code": code} | changes)
        return answer.url if answer.status_code == 302 else answer.content.decode()

    return act


def paying(payer, plan, **options):
    return made.with_psn(payer, plan, **options)


def card_of(payer):
    return payer.held.card.reference


def text(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def test_a_code_leads_to_its_quote_under_a_reference(cashier, till, take, planned):
    there = take(planned(Kind.POINTS).tsn)

    found = Checkout.objects.get()
    assert there == f"{till}/codes/{found.reference}"
    page = text(cashier.get(there))
    assert "Left to pay 1,500 KRW" in page
    assert "Coupon_Fixed" in page
    assert "1,500 KRW paid in cash" in page


@pytest.mark.parametrize("tender", ["CASH", "CARD"])
def test_2_04_the_cashier_confirms(cashier, take, planned, tender):
    there = take(planned().tsn)
    for _again in range(2):
        cashier.post(f"{there}/confirm", {"tender": tender})

    assert (Checkout.objects.get().state, Checkout.objects.get().tender) == ("PAID", tender)
    assert Payment.objects.get().amount_minor == 1_000
    assert "data-paid" in cashier.get(f"{there}/state").content.decode()
    assert Audit.objects.filter(action="till.confirm").count() == 2


def test_with_a_payment_number_the_phone_pays_at_once(cashier, take, planned, payer):
    there = take(paying(payer, planned(card=card_of(payer))))

    page = text(cashier.get(there))
    assert "PAID" in page
    assert "The rest was paid by phone." in page
    assert Payment.objects.get().approval_code in page


def test_a_form_sent_twice_is_one_purchase(take, planned):
    code = planned().tsn

    assert take(code) == take(code)
    assert Checkout.objects.count() == 1


def test_a_wrong_code_sent_twice_counts_once(take):
    for _again in range(2):
        assert "No phone shows this code" in take(UNKNOWN)
    assert WrongNumber.objects.count() == 1


def test_a_form_used_for_another_code_is_asked_again(take, planned):
    take(planned().tsn)

    assert "charged another sale before" in take(UNKNOWN)
    assert Checkout.objects.count() == 1


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("T1.T0000000000000000000000", "This is a T-ID"),
        ("123456789012", "This is a pre-approval number"),
        ("A1.123456789012", "This is a pre-approval number"),
        ("O12AB7", "This is the approval code of a receipt"),
        ("hello", "This is no customer"),
        ("9000000000000009", "A digit is mistyped"),
    ],
)
def test_another_number_is_named_with_what_to_do(take, code, says):
    assert says in take(code)
    assert not WrongNumber.objects.exists()
    assert not Checkout.objects.exists()


def test_only_a_mistyped_code_is_shown_again(take, planned):
    assert "9000000000000009" in take("9000000000000009")
    assert UNKNOWN not in take(UNKNOWN, key="d" * 24)
    assert "123456789012" not in take("123456789012")
    live = planned().tsn
    assert live not in take(live, amount="nothing")


def test_an_expired_code_says_so(take, planned):
    code = planned().tsn
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        assert "time is over" in take(code)


def test_a_used_and_a_replaced_code_say_so(take, planned):
    first, code = planned().tsn, planned().tsn
    assert "replaced by a newer one" in take(first)
    take(code, key="d" * 24)
    assert "The code was used, or it is at another till" in take(code, key="e" * 24)


def test_a_wrong_payment_number_burns_the_code(take, planned, payer):
    plan = planned(card=card_of(payer))

    assert "the code is burnt" in take(paying(payer, plan, pin="9999"))
    assert Plan.objects.get().state == "CANCELLED"
    assert "replaced by a newer one, or burnt" in take(plan.tsn, key="d" * 24)


def test_ten_wrong_codes_lock_the_look_ups_and_the_page_says_for_how_long(take):
    for number in range(10):
        take(UNKNOWN, key=f"{number}" * 24)

    assert "codes again in 30 min" in take(UNKNOWN, key="z" * 24)


def test_above_the_maximum_the_page_waits_for_the_phone(cashier, take, planned, payer):
    plan = planned(card=card_of(payer), max_amount_minor=5_000)
    there = take(paying(payer, plan))
    page = cashier.get(f"{there}/state").content.decode()
    assert "data-open" in page
    assert "phone is asked" in page
    assert "till-cash" not in page
    assert "The customer" in text(cashier.post(f"{there}/confirm", follow=True))

    made.approves(payer, plan, Checkout.objects.get(), at=timezone.now())

    assert "data-paid" in cashier.get(f"{there}/state").content.decode()


def test_what_is_abandoned_is_free_again(cashier, take, planned):
    code = planned().tsn
    there = take(code)
    cashier.post(f"{there}/abandon")

    assert "Abandoned" in text(cashier.get(there))
    assert "It had ended before" in text(cashier.post(f"{there}/confirm", follow=True))
    assert take(code, key="d" * 24) != there


def test_what_was_paid_is_taken_back_while_its_time_runs(cashier, take, planned):
    there = take(planned().tsn)
    cashier.post(f"{there}/confirm", {"tender": "CASH"})
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        late = text(cashier.post(f"{there}/cancel", follow=True))
    assert "reverse or refund it from the payment" in late

    cashier.post(f"{there}/cancel")

    assert Checkout.objects.get().state == "REVERSED"
    assert "Taken back" in text(cashier.get(there))


def test_a_decline_says_why_and_what_is_left_of_the_code(cashier, take, planned, payer):
    code = paying(payer, planned(card=card_of(payer), max_amount_minor=10**12))
    page = text(cashier.get(take(code, amount="900,000,000")))

    assert "Declined" in page
    assert "first 16 digits still bring them" in page


def test_what_a_benefit_does_not_bring_has_its_reason(cashier, take, payer):
    customer = Phone.objects.get(device=payer.phone).customer
    dear = held.held(customer, min_purchase_minor=50_000)
    plan = held.plan_of(payer.phone, dear, at=timezone.now())

    page = text(cashier.get(take(plan.tsn)))

    assert "takes nothing: less than 50,000 KRW is left" in page


def test_the_code_is_in_no_page_and_no_trail(cashier, take, planned):
    code = planned().tsn
    there = take(code)

    assert code not in cashier.get(there).content.decode()
    assert code not in str(list(Audit.objects.values()))


@pytest.mark.parametrize("role", Role)
def test_only_who_takes_payments_finishes_it(staff, role, take, planned):
    there = take(planned().tsn)
    browser = staff(role, "SPO-1" if role == Role.SPONSOR else None)
    may = Right.TAKE_PAYMENTS in MATRIX[role]

    pages = {browser.get(path).status_code for path in (there, f"{there}/state")}
    acts = {browser.post(f"{there}/{act}").status_code for act in ("confirm", "abandon", "cancel")}

    assert (pages, acts) == (({200}, {302}) if may else ({403}, {403}))


def test_another_shops_purchase_is_not_there(world, staff, take, planned):
    there = take(planned().tsn)
    browser = staff(Role.MERCHANT_OWNER, world.other_shop.merchant.reference)
    own = there.replace(world.merchant.reference, world.other_shop.merchant.reference)

    for path in (there, own, f"{own}/state"):
        assert browser.get(path).status_code == 404
    for act in ("confirm", "abandon", "cancel"):
        assert browser.post(f"{own}/{act}").status_code == 404
    assert Checkout.objects.get().state == "QUOTED"


def test_a_terminals_purchase_is_not_the_tills(world, cashier, till, planned):
    machine = made.till(store=world.merchant.stores.get())
    found = machine.presents(planned().tsn, at=timezone.now())

    assert cashier.get(f"{till}/codes/{found.reference}").status_code == 404
    assert cashier.post(f"{till}/codes/{found.reference}/confirm").status_code == 404


def test_it_takes_few_queries(cashier, take, planned, django_assert_max_num_queries):
    there = take(planned(Kind.POINTS, Kind.GIFT_CARD).tsn)
    with django_assert_max_num_queries(18):
        cashier.get(there)
    with django_assert_max_num_queries(14):
        cashier.get(f"{there}/state")
