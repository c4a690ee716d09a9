"""Many tills on one number or one gift card, and tills against phones, time and themselves.

Each on a connection of its own. The controls break what guards them, and then fail as they should.
"""

from datetime import timedelta

import pytest
from django.db import DatabaseError

from benefits.models import Holding, Lock, Plan, Redemption
from benefits.rules.vocabulary import Kind
from benefits.services.holdings import Worth
from benefits.services.plans import TsnUsed
from config import pipeline
from config.refusals import Refused
from settlement.models import Checkout, Payment
from settlement.services import checkouts, ledger
from settlement.services.payments import decisions
from tests.factories import benefits as held
from tests.factories import checkouts as made
from tests.factories.merchants import StoreFactory
from tests.factories.requests import payer
from tests.factories.wallets import CustomerFactory, enrolled_phone
from tests.row_locks import without_row_locks
from tests.settlement.at_once import CONNECTIONS, end_connection, run
from wallets.models import Phone

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 200
RACES_MAX = 10  # of a control: by chance a race may come out clean


def tills(count, store=None):
    store = store or StoreFactory()
    return [made.till(store=store) for _ in range(count)]


def presenting(plan, many, noon):
    return [lambda till=till: till.presents(plan.tsn, at=noon) for till in many]


def test_of_200_tills_with_one_number_exactly_one_has_it(noon):
    shopper = payer()
    plan = held.plan_of(shopper.phone, at=noon)
    told = run(presenting(plan, tills(MANY), noon))
    assert sum(isinstance(each, Checkout) for each in told) == 1
    assert sum(isinstance(each, TsnUsed) for each in told) == MANY - 1


def test_without_row_locks_the_number_is_held_by_the_database_alone(noon, monkeypatch):
    many = tills(CONNECTIONS)
    monkeypatch.setattr(pipeline, "run", without_row_locks)
    for races in range(1, RACES_MAX + 1):
        plan = held.plan_of(payer().phone, at=noon)
        told = run(presenting(plan, many, noon))
        assert Checkout.objects.count() == races
        if not all(isinstance(each, (Checkout, TsnUsed)) for each in told):
            return
    pytest.fail("nobody met another between reading and writing: the control shows nothing")


@pytest.mark.parametrize(("balance", "asked"), [(10_000, 300), (999, 100)])
def test_a_gift_card_serves_as_many_tills_as_it_holds_amounts(noon, balance, asked):
    customer = CustomerFactory()
    gift = held.held(customer, Kind.GIFT_CARD, worth=Worth(amount_minor=balance))
    phones = [enrolled_phone(customer=customer, at=noon)[0] for _ in range(MANY)]
    plans = [held.plan_of(phone, (gift, asked), at=noon) for phone in phones]
    many = tills(CONNECTIONS)

    def buy(till, plan):
        return till.confirms(till.presents(plan.tsn, asked, at=noon), at=noon)

    told = run(
        [
            lambda till=many[place % CONNECTIONS], plan=plan: buy(till, plan)
            for place, plan in enumerate(plans)
        ]
    )
    assert [each for each in told if not isinstance(each, Checkout)] == []
    assert sum(each.tender == "NONE" for each in told) == balance // asked
    spent = sum(Lock.objects.values_list("amount_minor", flat=True))
    assert spent == balance - Holding.objects.get().balance_minor <= balance
    assert ledger.check() == []


def test_confirm_against_abandon_ends_one_way(noon):
    shopper = payer()
    customer = Phone.objects.get(device=shopper.phone).customer
    till = made.till()
    for key in range(8):
        coupon = held.held(customer, key=str(key))
        quoted = till.presents(held.plan_of(shopper.phone, coupon, at=noon).tsn, at=noon)
        told = run(
            [
                lambda quoted=quoted: till.confirms(quoted, at=noon),
                lambda quoted=quoted: till.abandons(quoted, at=noon),
            ]
        )
        assert sum(isinstance(each, checkouts.CheckoutFinal) for each in told) == 1
        quoted.refresh_from_db()
        is_paid = quoted.state == "PAID"
        assert Payment.objects.filter(reference=quoted.reference).exists() == is_paid
        state = Redemption.objects.get(document=quoted.reference).state
        assert state == ("COMMITTED" if is_paid else "RELEASED")


def test_consent_against_cancel_and_time_ends_one_way(noon):
    shopper, till = payer(), made.till()
    later = noon + timedelta(seconds=600)
    for _ in range(6):
        plan = held.plan_of(
            shopper.phone, card=shopper.held.card.reference, max_amount_minor=1, at=noon
        )
        asked = till.presents(made.with_psn(shopper, plan), at=noon)
        told = run(
            [
                lambda plan=plan, asked=asked: made.approves(shopper, plan, asked, at=noon),
                lambda asked=asked: till.cancels(asked, at=noon),
                lambda: checkouts.end_due(at=later, limit=9),
            ]
        )
        unexpected = [
            each for each in told if isinstance(each, Exception) and not isinstance(each, Refused)
        ]
        assert unexpected == []
        asked.refresh_from_db()
        assert asked.state in {"PAID", "REVERSED", "ABANDONED", "EXPIRED"}
    assert not Plan.objects.filter(state="LOCKED").exists()
    assert not Redemption.objects.filter(state="HELD").exists()
    assert ledger.check() == []


def test_a_till_killed_before_the_commit_leaves_all_as_before(noon, monkeypatch):
    shopper, till = payer(), made.till()
    customer = Phone.objects.get(device=shopper.phone).customer
    before = shopper.account.balance_minor
    plan = held.plan_of(
        shopper.phone, held.held(customer), card=shopper.held.card.reference, at=noon
    )
    code = made.with_psn(shopper, plan)
    with monkeypatch.context() as killed:
        killed.setattr(decisions, "post", lambda **_posting: end_connection())
        (end,) = run([lambda: till.presents(code, at=noon)])
    assert isinstance(end, DatabaseError)
    assert not Checkout.objects.exists()
    assert (shopper.account.balance_minor, Holding.objects.get().uses_held) == (before, 0)
    (done,) = run([lambda: till.presents(code, at=noon)])
    assert (done.state, ledger.check()) == ("PAID", [])
