"""The demo's phone from the server's side: there in the demo alone, and without a session."""

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from benefits.models import Definition, Holding
from config import enrolment
from config.models.devices import DeviceKind
from issuers.models import Card
from settlement.models import Transfer
from settlement.services import demo, payments
from tests.clients import session_of
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM
from wallets.models import Customer

pytestmark = pytest.mark.django_db

PAGE, NEWCOMER = "/demo/phone", "/demo/phone/customer"


@pytest.fixture(autouse=True)
def is_demo(settings):
    settings.DEMO = True


@pytest.fixture
def seeded(noon):
    return demo.seed(at=noon)


def connects_to(response):
    policy = response.headers["Content-Security-Policy"].split("; ")
    return next(part for part in policy if part.startswith("connect-src")).split(" ")[1:]


def test_it_is_nowhere_but_in_the_demo(client, settings):
    assert client.get(PAGE).status_code == 200
    settings.DEMO, before = False, Customer.objects.count()

    assert client.get(PAGE).status_code == 404
    assert client.post(NEWCOMER).status_code == 404
    assert Customer.objects.count() == before


def test_it_needs_no_session_and_makes_none(client):
    response = client.get(PAGE)

    assert configured.SESSION_COOKIE_NAME not in response.cookies


def test_it_alone_may_ask_a_relay_on_this_machine(client):
    ports = {"http://127.0.0.1:*", "http://localhost:*"}

    assert set(connects_to(client.get(PAGE))) == {"'self'"} | ports
    assert not ports & set(connects_to(client.get(reverse("sign-in"))))


def test_its_scripts_are_files_of_ours_alone(client):
    page = client.get(PAGE)

    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "style-src 'self';" in page.headers["Content-Security-Policy"]
    assert b"<style" not in page.content
    assert b" style=" not in page.content


def test_a_newcomer_has_money_and_a_code_that_fits(client, seeded):
    told = client.post(NEWCOMER).json()

    card = Card.objects.get(account__holder=told["customer"])
    assert card.account.available_minor == 4_000_000
    assert Transfer.objects.filter(amount_minor=4_000_000, code="OPENING").exists()
    found = enrolment.EnrolmentCode.objects.get(owner=told["customer"])
    assert (found.kind, len(told["code"])) == (DeviceKind.PHONE, enrolment.DIGITS)


def test_another_site_makes_no_newcomer(seeded):
    before = Customer.objects.count()

    assert Client(enforce_csrf_checks=True).post(NEWCOMER).status_code == 403
    assert Customer.objects.count() == before


def test_without_the_demos_issuer_there_is_no_newcomer(client):
    before = Customer.objects.count()

    assert client.post(NEWCOMER).status_code == 404
    assert Customer.objects.count() == before


def test_a_payment_tells_its_refunds_in_their_order():
    now = timezone.now()
    terminal, payer = made.terminal(), made.payer(at=now)
    request = terminal.asks(10_000, at=now)
    payer.pays(request, at=now)
    session = session_of(key=payer.key, device=payer.phone)
    (paid,) = session.get("/wallet/payments").json()["payments"]
    for amount in (2_500, 500):
        payments.refund(
            reference=paid["payment"], amount_minor=amount, reason="Back", actor=SYSTEM, at=now
        )

    (paid,) = session.get("/wallet/payments").json()["payments"]

    assert paid["tid"] == request.tid
    assert [refund["amount"] for refund in paid["refunds"]] == [2_500, 500]
    assert {refund["reason"] for refund in paid["refunds"]} == {"Back"}


def test_a_newcomer_holds_what_the_demos_campaigns_give(client, seeded):
    told = client.post(NEWCOMER).json()

    held = Holding.objects.filter(customer__reference=told["customer"])
    kinds = set(held.values_list("definition__kind", flat=True))
    assert {"COUPON_FIXED", "POINTS", "GIFT_CARD", "CARD_DISCOUNT", "CASH_RECEIPT"} < kinds


def test_a_campaign_that_ended_gives_a_newcomer_nothing(client, seeded):
    bread = Definition.objects.filter(name="Bread week")
    bread.update(state=Definition.State.ENDED, ended_at=timezone.now())

    told = client.post(NEWCOMER).json()

    held = Holding.objects.filter(customer__reference=told["customer"])
    assert held.exists()
    assert not held.filter(definition__in=bread).exists()
