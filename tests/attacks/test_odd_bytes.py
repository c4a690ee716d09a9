"""Bytes no honest client sends: each gets a refusal, none a fault of ours."""

import pytest
from django.conf import settings
from django.test import Client

from tests.api.caller import of_device
from tests.clients import http
from tests.factories.issuers import card as issued_card
from tests.factories.merchants import enrolled
from tests.factories.wallets import CustomerFactory, enrolled_phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader():
    return of_device(enrolled(kind="READER"))


@pytest.fixture
def phone():
    return of_device(enrolled_phone())


@pytest.mark.parametrize(
    "path",
    ["/api/v1/reader/blacklists/%00", "/api/v1/reader/blacklists/ISS-1?have=%00"],
)
def test_a_nul_in_the_address_is_malformed(reader, path):
    answer = reader.get(path)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert answer["X-Request-Id"]


def test_a_nul_in_a_phones_query_is_malformed(phone):
    assert phone.get("/api/v1/wallet/payments?after=%00").status_code == 400


@pytest.mark.parametrize("act", ["claim", "release", "decline"])
def test_a_nul_in_a_tid_is_malformed(phone, act):
    answer = phone.post(f"/api/v1/wallet/payments/T%00/{act}")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("tid", ["%E2%98%83", "T" * 500, "T%2F..%2F", "%27%3B--"])
def test_an_odd_tid_is_one_nobody_asked_under(phone, tid):
    answer = phone.post(f"/api/v1/wallet/payments/{tid}/claim")

    assert answer.status_code in {401, 404}, "signed as sent, or in another spelling"


def test_a_nul_in_the_session_cookie_is_a_bad_request():
    browser = Client(raise_request_exception=False)

    answer = browser.get("/", headers={"Cookie": f'{settings.SESSION_COOKIE_NAME}="\\000aaaaaaaa"'})

    assert answer.status_code == 400


def test_an_upload_of_nothing_is_no_batch(reader):
    path, sent = "/api/v1/reader/batches", {"content-type": "application/cose"}
    signed = reader.signed("POST", path, headers=sent)

    # Not Django's client, which forgets the type of an empty body.
    answer = http().post(settings.ORIGIN + path, headers=signed["headers"], content=b"")

    assert (answer.status_code, answer.json()["code"]) == (422, "batch_malformed")


@pytest.mark.parametrize("act", ["freeze", "unfreeze"])
@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        (b'{"state":"ACTIVE"}', "application/json", 422, "invalid"),
        (b"{", "application/json", 400, "malformed"),
        (b"x", "text/plain", 415, "unsupported_media_type"),
        (b"{}", "application/json", 200, None),
        (None, None, 200, None),
    ],
)
def test_a_call_without_fields_reads_its_body_all_the_same(act, body, media_type, status, code):
    customer = CustomerFactory()
    card = issued_card(holder=customer.reference)
    phone = of_device(enrolled_phone(customer=customer))
    headers = {"Content-Type": media_type} if media_type else None

    path = f"/api/v1/wallet/cards/{card.reference}/{act}"
    answer = phone.post(path, body=body, headers=headers)

    assert (answer.status_code, answer.json().get("code")) == (status, code)
