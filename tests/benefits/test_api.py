"""The phone's face: what its owner could use, and plans for the next purchase (protocol §6)."""

import re

import pytest
from django.utils import timezone

from benefits.models import Plan
from benefits.rules.vocabulary import Kind
from benefits.services import plans
from config.models import IdempotencyRecord
from config.wire import b64
from config.wire.client import PortalRefused
from tests.clients import session_of
from tests.factories import benefits as made
from tests.factories.requests import payer
from tests.factories.wallets import CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def shopper():
    return payer(at=timezone.now())


@pytest.fixture
def session(shopper):
    return session_of(key=shopper.key, device=shopper.phone)


def held(customer, kind=Kind.COUPON_FIXED, **terms):
    return made.held(customer, kind, at=timezone.now(), **terms)


def planned(session, **body):
    return session.post("/wallet/plans", body=body)


def refused(session, **body):
    with pytest.raises(PortalRefused) as told:
        planned(session, **body)
    return told.value.code


def test_a_phone_sees_what_its_owner_could_use(session, customer, till):
    coupon = held(
        customer,
        Kind.COUPON_PERCENT,
        percent_bps=1_000,
        cap_minor=3_000,
        min_purchase_minor=5_000,
        merchants=(till.merchant.reference,),
    )
    (told,) = session.get("/wallet/benefits").json()["benefits"]
    assert told == {
        "benefit": coupon.reference,
        "kind": "COUPON_PERCENT",
        "source": "Coupon_Percent",
        "sponsor": "Mapo Bakery",
        "ends_at": None,
        "conditions": {
            "percent_bps": 1_000,
            "min_purchase": 5_000,
            "cap": 3_000,
            "merchants": [till.merchant.reference],
        },
        "available": 3_000,
        "currency": "KRW",
    }


def test_at_a_merchant_only_what_counts_there_is_listed(session, customer, till):
    here = held(customer, merchants=(till.merchant.reference,))
    held(customer, merchants=(made.counter().merchant.reference,))
    everywhere = held(customer)
    asked = session.get(f"/wallet/benefits?merchant={till.merchant.reference}").json()
    assert [each["benefit"] for each in asked["benefits"]] == [
        here.reference,
        everywhere.reference,
    ]
    with pytest.raises(PortalRefused) as told:
        session.get("/wallet/benefits?merchant=MER-NONE")
    assert told.value.code == "not_found"


def test_what_others_hold_or_is_used_up_is_not_listed(session):
    held(CustomerFactory())
    assert session.get("/wallet/benefits").json() == {"benefits": []}


def test_a_plan_answers_with_its_number(session, shopper, customer, till):
    coupon, gift = held(customer), held(customer, Kind.GIFT_CARD)
    answer = planned(
        session,
        selections=[{"benefit": coupon.reference}, {"benefit": gift.reference, "amount": 4_000}],
        card=shopper.held.card.reference,
    )
    told = answer.json()
    assert answer.status == 201
    assert re.fullmatch(r"9\d{15}", told["tsn"])
    assert told["code"] == f"S1.{told['tsn']}"
    assert [each["amount"] for each in told["selections"]] == [1_000, 4_000]
    assert (told["savings"], told["expires_at"][-1]) == (5_000, "Z")
    found = plans.look_up(number=told["code"], device=till.device, at=timezone.now())
    assert (found.plan.reference, found.plan.max_amount_minor) == (told["plan"], 50_000)


def test_a_repetition_hears_the_same_number_and_no_table_has_it(session):
    key = "a-plan-of-this-phone-1"
    first, again = (
        session.post("/wallet/plans", body={"selections": []}, idempotency_key=key).json()
        for _ in range(2)
    )
    assert first == again
    assert Plan.objects.count() == 1
    assert first["tsn"].encode() not in bytes(IdempotencyRecord.objects.get().answer)


def test_the_portal_finds_the_best_for_a_purchase(session, customer, till):
    for amount in (1_000, 2_000):
        held(customer, amount_minor=amount, stack_group="one")
    best = {"merchant": till.merchant.reference, "amount": 9_000, "currency": "KRW"}
    told = planned(session, best_for=best).json()
    assert (told["savings"], len(told["selections"])) == (2_000, 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"selections": [{"benefit": "BNF-NONE"}]}, "benefit_unavailable"),
        ({"card": b64.encode(bytes(16))}, "not_found"),
        ({"merchant": "MER-NONE"}, "not_found"),
        ({"selections": [{"benefit": "X", "amount": 0}]}, "invalid"),
        ({"selections": [{"benefit": "X", "sum": 1}]}, "invalid"),
        ({"coupons": []}, "invalid"),
        ({"selections": [{"benefit": "X"}] * 61}, "invalid"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(session, body, code):
    assert refused(session, **body) == code


def test_a_till_makes_no_plan(till):
    session = session_of(key=till.key, device=till.device)
    assert refused(session, selections=[]) == "wrong_kind"
