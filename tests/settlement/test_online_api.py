"""What a reader is answered that asks about a tap (protocol §5), through its own client."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config.wire import b64
from config.wire.client import PortalRefused
from issuers.models import Credential
from merchants.devices.portal import ReaderPortal
from merchants.models import Merchant
from settlement.models import Payment
from tests.clients import session_of
from tests.factories import settlement as factory
from tests.factories.merchants import enrolled
from tests.settlement.test_online import CAPS, OVER_CAP

pytestmark = pytest.mark.django_db


@pytest.fixture
def card():
    issued = timezone.now() - timedelta(hours=1)
    return factory.card_on_phone(of=factory.programme(caps=CAPS, at=issued), at=issued)


@pytest.fixture
def till():
    return factory.till(now=timezone.now())


def certificate_of(card):
    return bytes(Credential.objects.get(pk=card.credential.pk).certificate)


def body_of(record, card):
    return {"record": b64.encode(record), "certificate": b64.encode(certificate_of(card))}


@pytest.fixture
def portal(till):
    return ReaderPortal(session=session_of(key=till.key, device=till.device), reader=None)


def test_a_reader_hears_the_issuers_yes_once(till, card, portal):
    record = card.sale(till, OVER_CAP)

    answer = portal.authorize(record, certificate_of(card))

    assert answer.approved
    assert answer.code == Payment.objects.get().approval_code
    assert portal.authorize(record, certificate_of(card)) == answer
    assert Payment.objects.count() == 1


def test_a_decline_is_a_success_that_says_why(till, card):
    session = session_of(key=till.key, device=till.device)
    record = card.sale(till, 5_000_000)

    answer = session.post("/reader/authorizations", body=body_of(record, card))

    assert answer.status == 200
    assert answer.json() == {"state": "DECLINED", "decline_reason": "insufficient_funds"}


def test_an_approval_carries_its_code_and_no_reason(till, card):
    session = session_of(key=till.key, device=till.device)

    answer = session.post(
        "/reader/authorizations", body=body_of(card.sale(till, OVER_CAP), card)
    ).json()

    assert set(answer) == {"state", "approval_code"}


def test_a_suspended_merchants_reader_is_refused(till, card, portal):
    Merchant.objects.filter(pk=till.merchant.pk).update(state="SUSPENDED")

    with pytest.raises(PortalRefused) as refusal:
        portal.authorize(card.sale(till, OVER_CAP), certificate_of(card))

    assert (refusal.value.status, refusal.value.code) == (403, "merchant_suspended")
    assert not Payment.objects.exists()


@pytest.mark.parametrize("name", ["record", "certificate"])
def test_both_parts_are_needed_and_are_base64url(till, card, name):
    session = session_of(key=till.key, device=till.device)
    body = body_of(card.sale(till, OVER_CAP), card) | {name: "=="}

    with pytest.raises(PortalRefused) as refusal:
        session.post("/reader/authorizations", body=body)

    assert (refusal.value.status, refusal.value.code) == (422, "invalid")


def test_a_tap_at_another_reader_is_refused(till, card):
    device, key = enrolled()

    with pytest.raises(PortalRefused) as refusal:
        session_of(key=key, device=device).post(
            "/reader/authorizations", body=body_of(card.sale(till, OVER_CAP), card)
        )

    assert (refusal.value.status, refusal.value.code) == (422, "wrong_reader")


def test_an_atm_takes_no_taps(till, card):
    device, key = enrolled(kind="ATM")

    with pytest.raises(PortalRefused) as refusal:
        session_of(key=key, device=device).post(
            "/reader/authorizations", body=body_of(card.sale(till, OVER_CAP), card)
        )

    assert (refusal.value.status, refusal.value.code) == (403, "wrong_kind")
