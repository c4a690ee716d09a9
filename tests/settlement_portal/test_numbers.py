"""Each of the five numbers finds the payment of its channel, typed and scanned (mission 6.10)."""

from html import unescape

import pytest
from django.conf import settings

from config.audit import SYSTEM
from merchants.services import api_keys
from settlement.models import Payment
from tests.clients import http
from tests.factories import benefits as held
from tests.factories import checkouts as counters
from tests.factories import preapprovals as ahead
from tests.factories.requests import terminal
from tests.settlement_portal.world import payer_of
from wallets.models import Phone


@pytest.fixture
def store(world):
    return world.merchant.stores.get()


@pytest.fixture
def smart(world, store):
    """Return what a plan's number paid: its TSN, with its PSN, and the payment."""
    shopper = payer_of(world)
    coupon = held.held(Phone.objects.get(device=shopper.phone).customer)
    plan = held.plan_of(
        shopper.phone,
        coupon,
        card=shopper.held.card.reference,
        max_amount_minor=50_000,
        at=world.now,
    )
    code = counters.with_psn(shopper, plan)
    done = counters.till(store=store).presents(code, 12_000, at=world.now)
    assert done.state == "PAID"
    return plan.tsn, code, Payment.objects.get(reference=done.reference)


def spelled(number):
    """Return how digits may be typed."""
    return number, f" {number[:4]} {number[4:]} ", f"{number[:8]}-{number[8:]}"


@pytest.fixture
def ways(request, world, store):
    """Return how the number of a channel may be given, and its payment."""
    if request.param == "offline":
        (payment,) = world.sell(7_000)
        code = payment.approval_code
        return (code, code.lower().replace("0", "o")), payment
    if request.param == "tid":
        asked = terminal(store=store).asks(9_000, at=world.now)
        payer_of(world).pays(asked, at=world.now)
        payment = Payment.objects.get(reference=asked.reference)
        return (asked.tid, asked.tid.lower(), f"T1.{asked.tid}"), payment
    if request.param == "approval":
        number, payment = cash(world, store)
        return (*spelled(number), f"A1.{number}"), payment
    tsn, code, payment = request.getfixturevalue("smart")
    if request.param == "tsn":
        return (*spelled(tsn), f"S1.{tsn}"), payment
    return (tsn + code.rpartition(".")[2], code), payment


def cash(world, store):
    """Return the number of an amount that was approved beforehand, and what an ATM paid out."""
    holder, atm = payer_of(world), ahead.atm(store=store)
    ahead.policy(holder)
    approved = ahead.approved(holder, at=world.now)
    done = atm.reports(atm.takes(approved, at=world.now), at=world.now)
    return approved.number, done.payment


CHANNELS = ("offline", "tid", "tsn", "tsn_psn", "approval")
each_channel = pytest.mark.parametrize("ways", CHANNELS, indirect=True)


def page_of(answer):
    return unescape(answer.content.decode()).split("<main")[1].split("</main>")[0]


@each_channel
@pytest.mark.parametrize("who", ["owner", "clerk", "auditor"])
def test_6_10_the_search_finds_it(ways, who, request):
    spellings, payment = ways
    browser = request.getfixturevalue(who)
    for typed in spellings:
        answer = browser.post("/search", {"q": typed}, follow=True)
        assert f"/payments/{payment.reference}" in page_of(answer), typed


@each_channel
def test_6_10_the_shops_list_finds_it(ways, cashier):
    spellings, payment = ways
    for typed in spellings:
        answer = cashier.post("/search", {"q": typed, "to": "payment-live"}, follow=True)
        assert f'id="{payment.reference}"' in page_of(answer), typed


@each_channel
def test_6_10_the_shops_server_finds_it(ways, world):
    spellings, payment = ways
    token = api_keys.make(merchant=world.merchant, name="shop", actor=SYSTEM, at=world.now)
    for typed in spellings:
        answer = http().post(
            f"{settings.ORIGIN}/api/v1/merchant/payments/search",
            json={"typed": typed},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert [each["id"] for each in answer.json()["payments"]] == [payment.reference], typed


@each_channel
def test_nobody_finds_anothers(ways, stranger):
    spellings, payment = ways
    for typed in spellings:
        answer = stranger.post("/search", {"q": typed}, follow=True)
        assert payment.reference not in answer.content.decode()


def test_a_number_shown_once_is_told_nowhere(smart, owner):
    """Neither by the page that finds it, nor in its address, nor by the list."""
    tsn, code, _payment = smart
    for typed in (tsn, code, "9000000000000001"):
        for to in ("", "payment-live"):
            answer = owner.post("/search", {"q": typed, "to": to}, follow=True)
            told = answer.content.decode() + str(answer.redirect_chain)
            assert typed not in told
            assert typed[:16].removeprefix("S1.") not in told


def test_an_approval_number_is_told_nowhere(world, store, owner, auditor):
    number, payment = cash(world, store)
    for browser in (owner, auditor):
        found = browser.post("/search", {"q": number}).content.decode()
        page = browser.get(f"/payments/{payment.reference}").content.decode()
        assert payment.reference in found
        assert number not in found + page


def test_a_live_number_finds_no_payment_and_is_told_nowhere(world, owner):
    holder = payer_of(world)
    ahead.policy(holder)
    number = ahead.approved(holder, at=world.now).number
    answer = owner.post("/search", {"q": f"A1.{number}"})
    assert "Nothing found for this number" in page_of(answer)
    assert number not in answer.content.decode()


@pytest.mark.parametrize("page", ["/search", "/merchant/payments", "/batches", "/merchant/payouts"])
def test_an_address_with_one_is_asked_for_anew_without_it(smart, owner, page):
    tsn, code, _payment = smart
    for typed in (tsn, code):
        answer = owner.get(page, {"q": typed, "view": "today"})
        assert (answer.status_code, answer.url) == (302, f"{page}?view=today")


def test_an_order_that_looks_like_one_is_still_found(world, store, owner):
    order = "100000000008"
    asked = terminal(store=store).asks(9_000, at=world.now, order=order)
    answer = owner.post("/search", {"q": order})
    assert f"/payments/{asked.reference}" in page_of(answer)


def test_what_else_is_typed_goes_into_the_address(world, owner):
    answer = owner.post("/search", {"q": "12,345", "to": "payment-live", "state": "APPROVED"})
    assert (answer.status_code, answer.url) == (
        302,
        "/merchant/payments?q=12%2C345&state=APPROVED",
    )


def test_a_till_s_own_reference_finds_its_payment(smart, owner):
    payment = smart[2]
    answer = owner.get("/search", {"q": payment.reference.lower()})
    assert payment.reference.startswith("CHK-")
    assert f"/payments/{payment.reference}" in page_of(answer)
