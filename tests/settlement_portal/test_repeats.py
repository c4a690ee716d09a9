"""What came again over HTTPS is told on the payment's page (mission 6.10: every retry).

Each request goes through a device's own client twice under one key, as a client does whose answer
was lost; the control looks at the page before.
"""

from html import unescape

import pytest
from django.utils import timezone

from config.models import Repetition
from config.wire import b64
from config.wire.client import PortalRefused
from issuers.models import Credential
from merchants.models import Store
from settlement.models import Payment, Transfer
from settlement.services import batches
from tests.clients import session_of
from tests.factories import benefits as held
from tests.factories import checkouts as counters
from tests.factories import preapprovals as ahead
from tests.factories.merchants import enrolled
from tests.factories.requests import terminal
from tests.settlement.test_requests_api import body_of, consent_to
from tests.settlement_portal.world import payer_of
from wallets.models import Phone

KEY = "key-of-one-act-{}"


@pytest.fixture
def store(world):
    return world.merchant.stores.get()


@pytest.fixture
def shopper(world):
    return payer_of(world)


@pytest.fixture
def phone(shopper):
    return session_of(key=shopper.key, device=shopper.phone)


def session(machine):
    return session_of(key=machine.key, device=machine.device)


def twice(caller, path, *, body=None, times=2):
    """Post the same under one key; return the answer, which is the same each time."""
    key = KEY.format(path)
    first, *others = (caller.post(path, body=body, idempotency_key=key) for _ in range(times))
    assert {other.body for other in others} == {first.body}
    return first.json()


def page(browser, address):
    answer = browser.get(address)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def of(payment):
    return f"/payments/{payment.reference}"


def missing(html, *said):
    return [each for each in said if each not in html]


def test_6_10_each_repetition_of_a_tid_payment_is_told(store, shopper, phone, owner, auditor):
    asking = terminal(store=store)
    till = session(asking)
    asked = asking.asked(12_000)
    twice(till, "/terminal/payments", body=body_of(asked))
    path = f"/wallet/payments/{asked.tid}"
    claimed = twice(phone, f"{path}/claim")
    payment = Payment.objects.get()
    assert "The approval came again" not in page(owner, of(payment)), "the control"
    twice(phone, f"{path}/approve", body=consent_to(shopper, claimed))
    refund = {"amount": 500, "reason": "One loaf"}
    twice(till, f"/terminal/payments/{asked.tid}/refunds", body=refund)
    for_all = ["The claim came again", "The approval came again", "Repetition 1, by HTTPS"]
    for_shop = ["The request to pay came again", "The refund was asked for again"]
    at_shop, at_issuer = page(owner, of(payment)), page(auditor, of(payment))
    assert missing(at_shop, *for_all, *for_shop) == []
    assert missing(at_issuer, *for_all, *for_shop) == for_shop
    assert Transfer.objects.filter(payment=payment, code="REFUND").count() == 1


def test_6_10_what_comes_again_without_its_key_is_told_too(store, shopper, phone, owner):
    asking = terminal(store=store)
    till = session(asking)
    asked = asking.asked(12_000)
    for _ in range(2):
        till.post("/terminal/payments", body=body_of(asked))
        phone.post(f"/wallet/payments/{asked.tid}/claim")
    for _ in range(2):
        till.post(f"/terminal/payments/{asked.tid}/cancel")
    html = page(owner, of(Payment.objects.get()))
    assert missing(html, "The request to pay came again", "The claim came again") == []
    assert "The cancellation came again" in html


def test_6_10_a_batch_that_comes_again_is_told_by_each_of_its_payments(world, owner, auditor):
    content = world.shop.batch(*[world.card.sale(world.shop, 1_000) for _ in range(3)])
    reader = session_of(key=world.shop.key, device=world.shop.device)
    for key in ("first-key-of-a-batch", "first-key-of-a-batch", "another-key-of-a-batch"):
        reader.post("/reader/batches", body=content, idempotency_key=key)
    batches.post_waiting(limit=10, at=timezone.now())
    payments = list(Payment.objects.all())
    assert len(payments) == 3
    for payment in payments:
        html = page(owner, of(payment))
        assert html.count("The batch came again") == 2
        assert "The batch came again" not in page(auditor, of(payment))
    assert Repetition.objects.count() == 2, "rows of the batch, not of its records"


def test_6_10_a_tap_and_its_copy_that_come_again(world, shopper, phone, owner, auditor):
    record = shopper.held.sale(world.shop, 90_000)
    certificate = bytes(Credential.objects.get(pk=shopper.held.credential.pk).certificate)
    reader = session_of(key=world.shop.key, device=world.shop.device)
    body = {"record": b64.encode(record), "certificate": b64.encode(certificate)}
    for _ in range(2):
        twice(reader, "/reader/authorizations", body=body)
    reader.post("/reader/authorizations", body=body)
    copies = {"records": [b64.encode(record)]}
    twice(phone, "/wallet/offline-records", body=copies)
    phone.post("/wallet/offline-records", body=copies)
    at_shop, at_issuer = (page(browser, of(Payment.objects.get())) for browser in (owner, auditor))
    assert [html.count("The tap was asked about again") for html in (at_shop, at_issuer)] == [4, 4]
    told = "The phone sent its own copy again"
    assert [html.count(told) for html in (at_shop, at_issuer)] == [0, 2]


def test_6_10_a_number_that_comes_again_at_the_till(world, store, shopper, owner):
    coupon = held.held(Phone.objects.get(device=shopper.phone).customer)
    plan = held.plan_of(shopper.phone, coupon, at=world.now)
    till = session(counters.till(store=store))
    body = {"code": f"S1.{plan.tsn}", "amount": 12_000, "currency": "KRW"}
    checkout = twice(till, "/terminal/checkouts", body=body)["checkout"]
    for _ in range(2):
        till.post(f"/terminal/checkouts/{checkout}/confirm", body={"tender": "CASH"})
    twice(till, f"/terminal/checkouts/{checkout}/cancel")
    html = page(owner, of(Payment.objects.get()))
    told = ["The customer's number came again", "The till's confirmation came again"]
    assert missing(html, *told, "The cancellation came again") == []
    assert plan.tsn not in html


def test_6_10_each_repetition_at_an_atm(world, store, shopper, phone, owner, auditor):
    ahead.policy(shopper)
    wish = {
        "authentication": ahead.proof_of(shopper, at=timezone.now()),
        "kind": "CASH",
        "card": shopper.held.card.reference,
        "amount": 10_000,
        "currency": "KRW",
        "pickup_code": ahead.CODE,
    }
    made = twice(phone, "/wallet/preapprovals", body=wish)
    machine = session(ahead.atm(store=store))
    ask = {"number": made["number"], "kind": "CASH", "pickup_code": ahead.CODE}
    redemption = twice(machine, "/terminal/redemptions", body=ask)["redemption"]
    report = {"outcome": "FULL", "dispensed": 10_000}
    twice(machine, f"/terminal/redemptions/{redemption}/complete", body=report)
    machine.post(f"/terminal/redemptions/{redemption}/complete", body=report)
    payment = Payment.objects.get()
    at_shop, at_issuer = page(owner, of(payment)), page(auditor, of(payment))
    for html in (at_shop, at_issuer):
        assert html.count("The machine's report came again") == 2
        assert "The customer's number came again" in html
        assert made["number"] not in html
    assert "The wish to approve came again" not in at_shop
    assert "The wish to approve came again" in at_issuer
    story = page(auditor, f"/issuer/{world.issuer.reference}/preapprovals/{made['preapproval']}")
    assert missing(story, "The wish to approve came again", "The machine's report came again") == []


def test_what_comes_very_often_is_counted_and_told_so(store, shopper, phone, owner):
    asking = terminal(store=store)
    asked = asking.asked(12_000)
    twice(session(asking), "/terminal/payments", body=body_of(asked), times=31)
    html = page(owner, of(Payment.objects.get()))
    assert html.count("The request to pay came again") == 21
    assert missing(html, "Repetition 20, by HTTPS", "10 more until then, by HTTPS") == []


def test_a_stranger_enters_no_payments_story(store, owner):
    asking = terminal(store=store)
    asked = asking.asked(12_000)
    session(asking).post("/terminal/payments", body=body_of(asked))
    other, key = enrolled(kind="TERMINAL", store=Store.objects.exclude(pk=store.pk).first())
    for _ in range(2):
        with pytest.raises(PortalRefused, match="not_found"):
            session_of(key=key, device=other).post(
                f"/terminal/payments/{asked.tid}/cancel", idempotency_key=KEY.format("strange")
            )
    assert not Repetition.objects.exists()
