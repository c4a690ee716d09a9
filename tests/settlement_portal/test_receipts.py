"""A receipt for every channel: what was bought, what paid it, and the code to name it by."""

from html import unescape

import pytest

from settlement.models import Payment
from tests.factories import benefits as held
from tests.factories import checkouts as counters
from tests.factories import preapprovals as ahead
from tests.factories.requests import terminal
from tests.settlement_portal.world import payer_of
from wallets.models import Phone


def receipt(browser, payment):
    answer = browser.get(f"/payments/{payment.reference}/receipt")
    assert answer.status_code == 200
    return unescape(answer.content.decode()).split("<article")[1].split("</article>")[0]


@pytest.fixture
def store(world):
    return world.merchant.stores.get()


@pytest.fixture
def shopper(world):
    return payer_of(world)


@pytest.fixture
def plan(world, shopper):
    """Return a plan with a coupon of 1,000 KRW."""
    coupon = held.held(Phone.objects.get(device=shopper.phone).customer, name="Welcome")
    card = shopper.held.card.reference
    return held.plan_of(shopper.phone, coupon, card=card, max_amount_minor=50_000, at=world.now)


def test_of_an_offline_payment_bears_the_readers_code(world, owner):
    (payment,) = world.sell(7_000)
    text = receipt(owner, payment)
    assert payment.approval_code.startswith("O")
    assert payment.approval_code in text
    assert "Offline" in text
    assert "7,000 <small>KRW" in text


def test_of_a_tid_payment_bears_the_tid(world, store, shopper, owner):
    asked = terminal(store=store).asks(9_000, at=world.now)
    shopper.pays(asked, at=world.now)
    text = receipt(owner, Payment.objects.get(reference=asked.reference))
    assert asked.tid in text.replace(" ", "").replace("</span><span>", "")
    assert "Phone, T-ID" in text


def test_of_a_number_tells_purchase_benefits_and_the_rest(world, store, shopper, plan, owner):
    code = counters.with_psn(shopper, plan)
    done = counters.till(store=store).presents(code, 12_000, at=world.now)
    text = receipt(owner, Payment.objects.get(reference=done.reference))
    for said in ("Purchase", "12,000", "Welcome", "−1,000", "Paid by phone", "11,000"):
        assert said in text
    assert plan.tsn not in text


def test_of_a_number_paid_in_cash_tells_what_the_till_took(world, store, plan, owner):
    till = counters.till(store=store)
    quoted = till.presents(plan.tsn, 12_000, at=world.now)
    till.confirms(quoted, "CASH", at=world.now)
    text = receipt(owner, Payment.objects.get(reference=quoted.reference))
    assert "Paid in cash" in text
    assert "11,000" in text


def test_of_a_tid_payment_with_a_plan_tells_its_benefits(world, store, shopper, plan, owner):
    asked = terminal(store=store).asks(12_000, at=world.now)
    shopper.pays(asked, at=world.now, plan=plan.plan.reference)
    text = receipt(owner, Payment.objects.get(reference=asked.reference))
    assert "Welcome" in text
    assert "−1,000" in text


def test_of_cash_approved_beforehand_tells_what_was_handed_out(world, store, shopper, owner):
    ahead.policy(shopper)
    atm = ahead.atm(store=store)
    approved = ahead.approved(shopper, 10_000, at=world.now)
    done = atm.reports(atm.takes(approved, at=world.now), at=world.now)
    text = receipt(owner, done.payment)
    for said in ("Pre-approval", "Handed out", "Cash", "10,000 <small>KRW"):
        assert said in text
    assert approved.number not in text
