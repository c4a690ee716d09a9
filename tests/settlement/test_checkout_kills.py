"""Many on one number, one coupon, one gift card, one budget, while backends are killed under them.

Whoever was killed asks again, as a till does that had no answer. The control takes the benefits in
a transaction of their own, before the payment's.
"""

import time
from contextlib import suppress
from itertools import cycle

import pytest
from django.db import connection

from benefits.models import BudgetSlot, Holding, Lock, Plan, Redemption
from benefits.rules.vocabulary import Kind
from benefits.services import holdings, locks
from benefits.services.holdings import BudgetExhausted, Worth
from benefits.services.plans import TsnUsed
from settlement.models import Checkout, Payment, PaymentRequest
from settlement.services import ledger
from settlement.services.payments import decisions
from settlement.services.payments.refusals import PaymentFinal
from tests.factories import benefits as held
from tests.factories import checkouts as made
from tests.factories import requests
from tests.factories.merchants import StoreFactory
from tests.factories.wallets import CustomerFactory, enrolled_phone
from tests.settlement.at_once import (
    CONNECTIONS,
    insisting,
    killed_in,
    killing,
    new_event,
    run,
)
from wallets.models import Phone

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 200
PHONES = 20


@pytest.fixture
def customer(db):
    return CustomerFactory()


@pytest.fixture
def tills(db):
    store = StoreFactory()
    return [made.till(store=store) for _ in range(CONNECTIONS)]


def plans_of(customer, holding, noon, *, amount=None, count):
    """Return the plans of so many phones of one customer, each with the same benefit."""
    phones = [enrolled_phone(customer=customer, at=noon)[0] for _ in range(count)]
    return [held.plan_of(phone, (holding, amount), at=noon) for phone in phones]


def buying(tills, plans, amount, noon):
    """Return for each plan how a till takes it and is paid the rest in cash, whatever is killed."""

    def buy(till, plan):
        try:
            quoted = till.presents(plan.tsn, amount, at=noon)
        except TsnUsed:  # the answer was lost, not the act
            quoted = Checkout.objects.get(plan=plan.plan)
        return till.confirms(quoted, at=noon)

    return [
        insisting(lambda till=till, plan=plan: buy(till, plan))
        for till, plan in zip(cycle(tills), plans, strict=False)
    ]


def test_of_200_tills_with_one_number_one_has_it_whoever_is_killed(tills, noon):
    plan = held.plan_of(requests.payer().phone, at=noon)
    asked = [
        insisting(lambda place=place: tills[place % len(tills)].presents(plan.tsn, at=noon))
        for place in range(MANY)
    ]
    with killing() as killed:
        told = run(asked)
    assert killed, "nobody was killed"
    assert {type(each) for each in told} <= {Checkout, TsnUsed}
    assert (Checkout.objects.count(), Redemption.objects.filter(state="HELD").count()) == (1, 1)
    assert Plan.objects.get().state == "LOCKED"


def test_20_phones_with_one_coupon_use_it_once_whoever_is_killed(customer, tills, noon):
    coupon = held.held(customer, of=held.definition(budget_minor=50_000))
    plans = plans_of(customer, coupon, noon, count=PHONES)
    with killing() as killed:
        told = run(buying(tills, plans, 5_000, noon))
    assert killed, "nobody was killed"
    assert [each.state for each in told] == ["PAID"] * PHONES
    assert [*Lock.objects.values_list("state", flat=True)] == ["COMMITTED"]
    assert Holding.objects.get().state == "USED"
    assert sum(BudgetSlot.objects.values_list("taken_minor", flat=True)) == 1_000
    assert ledger.check() == []


def test_a_gift_card_serves_as_often_as_it_holds_the_amount_whoever_is_killed(
    customer, tills, noon
):
    gift = held.held(customer, Kind.GIFT_CARD, worth=Worth(amount_minor=9_999))
    plans = plans_of(customer, gift, noon, amount=300, count=MANY)
    with killing() as killed:
        told = run(buying(tills, plans, 300, noon))
    assert killed, "nobody was killed"
    assert sum(each.tender == "NONE" for each in told) == 9_999 // 300
    spent = sum(Lock.objects.values_list("amount_minor", flat=True))
    assert spent == 9_999 - Holding.objects.get().balance_minor <= 9_999
    assert not Redemption.objects.filter(state="HELD").exists()
    assert ledger.check() == []


@pytest.fixture
def paying(customer, noon):
    """Return a gift card of 5,000, and how each of twenty phones pays a T-ID with 300 of it."""
    of, terminal = requests.programme_without_velocity(), requests.terminal()
    gift = held.held(customer, Kind.GIFT_CARD, worth=Worth(amount_minor=5_000))
    payers = [requests.payer(of=of, customer=customer) for _ in range(PHONES)]
    return gift, [pays(payer, terminal, gift, noon) for payer in payers]


def pays(payer, terminal, gift, noon):
    plan = held.plan_of(payer.phone, (gift, 300), at=noon).plan.reference
    claimed = payer.claims(terminal.asks(10_000, at=noon), at=noon)
    consent = payer.consent(claimed, plan=plan)

    def approve():
        with suppress(PaymentFinal):  # the answer was lost, not the act
            payer.approves(claimed, at=noon, consent=consent)
        return PaymentRequest.objects.get(tid=claimed.tid).payment.state

    return insisting(approve)


def test_plans_of_tid_payments_never_overspend_a_gift_card_whoever_is_killed(paying):
    gift, jobs = paying
    with killing() as killed:
        told = run(jobs)
    assert killed, "nobody was killed"
    assert told == ["APPROVED"] * PHONES
    gift.refresh_from_db()
    whole = Lock.objects.filter(amount_minor=300, state="COMMITTED").count()
    assert (whole, gift.balance_minor, gift.held_minor) == (16, 0, 0)
    assert ledger.check() == []


def test_64_grants_never_overrun_a_budget_whoever_is_killed(noon):
    of = held.definition(Kind.POINTS, budget_minor=40_500)

    def grant(customer):
        return holdings.grant(
            definition=of, customer=customer, worth=Worth(amount_minor=1_000), at=noon
        )

    jobs = [insisting(lambda one=one: grant(one)) for one in [CustomerFactory() for _ in range(64)]]
    with killing() as killed:
        given = run(jobs)
    assert killed, "nobody was killed"
    assert {type(each) for each in given} <= {Holding, BudgetExhausted}
    assert sum(Holding.objects.values_list("balance_minor", flat=True)) == 40_000
    assert sum(BudgetSlot.objects.values_list("taken_minor", flat=True)) == 40_000


@pytest.fixture
def killed_amid(noon, monkeypatch):
    """Let a till's process be killed outright as it posts; return what it asked, and its coupon."""
    shopper, till = requests.payer(), made.till()
    coupon = held.held(Phone.objects.get(device=shopper.phone).customer)
    plan = held.plan_of(shopper.phone, coupon, card=shopper.held.card.reference, at=noon)
    code, reached = made.with_psn(shopper, plan), new_event()

    def stand_still(**_posting):
        reached.set()
        time.sleep(60)

    def kill():
        with monkeypatch.context() as patched:
            patched.setattr(decisions, "post", stand_still)
            killed_in(lambda: till.presents(code, at=noon), until=reached)

    return kill, lambda: till.presents(code, at=noon), coupon


def test_a_process_killed_outright_leaves_all_as_before(killed_amid):
    kill, ask_again, coupon = killed_amid
    kill()
    assert (Checkout.objects.count(), Payment.objects.count(), held_of(coupon)) == (0, 0, 0)
    assert ask_again().state == "PAID"
    assert ledger.check() == []


def test_control_benefits_taken_before_the_payment_would_stay_taken(killed_amid, monkeypatch):
    kill, _ask_again, coupon = killed_amid
    take = locks.take

    def taken_for_good(**asked):
        taken = take(**asked)
        connection.connection.commit()
        return taken

    monkeypatch.setattr(locks, "take", taken_for_good)
    kill()
    assert held_of(coupon) == 1


def held_of(coupon):
    coupon.refresh_from_db()
    return coupon.uses_held
