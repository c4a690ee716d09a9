"""One timeline tells every message, retry and change of a payment (mission 6.10)."""

import hashlib
from datetime import timedelta
from html import unescape

import pytest

from config import events
from config.refusals import Refused
from merchants.models import DatagramRecord, WebhookAttempt, WebhookDelivery
from merchants.services import relays
from merchants.services.webhooks import endpoints, spool
from settlement.models import Payment
from settlement.services import closing, payments
from settlement.services.batches import BatchRefused
from settlement.services.payments import refusals
from tests.factories import benefits as held
from tests.factories import checkouts as counters
from tests.factories import preapprovals as ahead
from tests.factories.merchants import SYSTEM, enrolled
from tests.factories.requests import terminal
from tests.settlement_portal.world import payer_of
from wallets.models import Phone
from wallets.services import offline_records


@pytest.fixture
def store(world):
    return world.merchant.stores.get()


@pytest.fixture
def shopper(world):
    return payer_of(world)


@pytest.fixture
def plan(world, shopper):
    """Return a plan with a coupon of 1,000 KRW."""
    coupon = held.held(Phone.objects.get(device=shopper.phone).customer)
    card = shopper.held.card.reference
    return held.plan_of(shopper.phone, coupon, card=card, max_amount_minor=50_000, at=world.now)


@pytest.fixture
def composed(world, store, shopper, plan):
    """Return a purchase by relay, T-ID and plan, told to a server, cleared, and given back."""
    endpoints.add(merchant=world.merchant, url="https://hook.example/", actor=SYSTEM, at=world.now)
    asking = terminal(store=store)
    relay, _key = enrolled(kind="RELAY", store=store)
    relays.pair(relay=relay, terminal=asking.device, actor=SYSTEM, at=world.now)
    expires = world.now + timedelta(minutes=4)
    request, bill = asking.asks_by_relay(12_000, relay=relay, expires=expires, at=world.now)
    shopper.claims(request, at=world.now)
    payments.release(device=shopper.phone, tid=request.tid, at=world.now)
    shopper.pays(request, at=world.now, bill=bill, plan=plan.plan.reference)
    told_over_udp(request.tid, at=world.now)
    payment = Payment.objects.get(reference=request.reference)
    closing.close_day(
        merchant=world.merchant, day=payment.business_date, actor=SYSTEM, at=world.now
    )
    later = world.now + timedelta(seconds=2)
    payments.refund(
        reference=request.reference, amount_minor=12_000, reason="Broken", actor=SYSTEM, at=later
    )
    told_by_webhook(at=later)
    return payment


def told_over_udp(tid, *, at):
    exchange = ["IN REGISTER", "OUT REGISTERED", "OUT RESULT", "OUT RESULT", "IN RESULT_ACK"]
    for number, said in enumerate(exchange):
        direction, kind = said.split()
        DatagramRecord.objects.create(
            at=at + timedelta(milliseconds=number),
            tid=tid,
            direction=direction,
            kind=kind,
            address="192.0.2.7",
            port=5684,
            message=1,
        )


def told_by_webhook(*, at):
    events.take_turn()
    while spool.write_due(at=at):
        pass
    for delivery in WebhookDelivery.objects.filter(type="payment.approved"):
        for number, status in ((1, 503), (2, 204)):
            WebhookAttempt.objects.create(
                delivery_id=delivery.pk,
                number=number,
                at=at,
                status=status,
                duration_ms=3,
                answer=b"",
            )


def page(browser, payment):
    answer = browser.get(f"/payments/{payment.reference}")
    assert answer.status_code == 200
    return unescape(answer.content.decode())


FOR_ALL = [
    "Bill left at the relay",
    "The issuer approved 11,000 KRW",
    "Sale posted",
    "Refund posted",
]
FOR_THE_SHOP = [
    "The customer planned benefits: 1",
    "Coupon of an amount takes 1,000 KRW",
    "Benefits of 1,000 KRW are used up",
    "Benefits of 1,000 KRW came back",
    "The terminal waits for the result",
    "Registration answered",
    "Result acknowledged",
    "of payment.approved, attempt 1",
    "of payment.approved, attempt 2",
    "Answer: 503",
    "In payout PYT-",
    "Refund asked for",
]


def test_6_10_a_purchase_by_relay_tid_and_benefits_with_its_refund(composed, owner, clerk):
    for browser in (owner, clerk):
        html = page(browser, composed)
        missing = [said for said in (*FOR_ALL, *FOR_THE_SHOP) if said not in html]
        assert missing == []
        assert html.count("Result sent") == 2, "a retry is told"
        for kind in ("requested", "claimed", "released", "approved"):
            assert f"payment.{kind}" in html


def test_the_issuer_reads_nothing_of_the_shops_wires_and_benefits(composed, auditor):
    html = page(auditor, composed)
    assert [said for said in FOR_ALL if said not in html] == []
    assert [said for said in FOR_THE_SHOP if said in html] == []


def test_a_number_is_nowhere_in_it(composed, plan, owner, auditor):
    for browser in (owner, auditor):
        assert plan.tsn not in page(browser, composed)


def test_6_10_a_number_at_the_till(world, store, shopper, plan, owner):
    till = counters.till(store=store)
    done = till.presents(counters.with_psn(shopper, plan), 12_000, at=world.now)
    html = page(owner, Payment.objects.get(reference=done.reference))
    for said in (
        "The till took the customer's number",
        "12,000 KRW, benefits leave 11,000 KRW",
        "The payment number fitted",
        "The checkout is paid",
    ):
        assert said in html


def test_6_10_an_upload_that_was_refused_and_came_again(world, owner, auditor):
    record = world.card.sale(world.shop, 1_000)
    with pytest.raises(BatchRefused):
        world.shop.upload(record, count=7)
    (payment,) = world.post(world.shop, record)
    offline_records.keep(device=world.card.phone, records=[record], at=world.now)
    assert "Batch 1 was refused; its reader sent it again" in page(owner, payment)
    assert "The phone sent its own copy" not in page(owner, payment)
    assert "The phone sent its own copy" in page(auditor, payment)


def test_it_takes_a_fixed_number_of_queries(composed, owner, django_assert_max_num_queries):
    with django_assert_max_num_queries(36):
        page(owner, composed)


def test_6_10_a_bill_that_was_altered(world, store, shopper, owner):
    asking = terminal(store=store)
    relay, _key = enrolled(kind="RELAY", store=store)
    relays.pair(relay=relay, terminal=asking.device, actor=SYSTEM, at=world.now)
    asked = asking.asked(9_000)
    expires = world.now + timedelta(minutes=4)
    made = asking.bill(asked, relay=relay, expires=expires)
    digest = hashlib.sha256(made).digest()
    request, _new = payments.request(
        device=asking.device, asked=asked._replace(bill_digest=digest), at=world.now
    )
    other = asking.bill(asked, relay=relay, expires=expires, amount=900)
    shopper.claims(request, at=world.now)
    with pytest.raises(refusals.BillAltered):
        shopper.approves(request, at=world.now, bill=other)
    html = page(owner, Payment.objects.get(reference=request.reference))
    assert "A phone brought an altered bill" in html


def test_6_10_cash_approved_beforehand(world, store, shopper, owner, auditor):
    ahead.policy(shopper)
    atm, elsewhere = ahead.atm(store=store), ahead.atm()
    approved = ahead.approved(shopper, 10_000, at=world.now)
    with pytest.raises(Refused):
        elsewhere.takes(approved, at=world.now, pickup_code="0000")
    done = atm.reports(atm.takes(approved, at=world.now), at=world.now)
    at_shop, at_issuer = page(owner, done.payment), page(auditor, done.payment)
    of_machine = ["The machine took the customer's number for 10,000 KRW", "paid out all of it"]
    of_account = [
        "Cash of 10,000 KRW approved beforehand",
        "10,000 KRW set aside on the account",
        "The number was refused",
        "10,000 KRW of 10,000 KRW taken, the rest is free again",
    ]
    assert [said for said in of_machine if said not in at_shop] == []
    assert [said for said in of_account if said in at_shop] == []
    assert [said for said in (*of_machine, *of_account) if said not in at_issuer] == []
