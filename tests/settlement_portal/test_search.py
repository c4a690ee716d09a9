"""Search everywhere: what one typed, found among what one may see."""

from html import unescape

import pytest

from config.roles import Role
from settlement.models import Payment
from tests.factories.requests import terminal
from tests.settlement_portal.world import payer_of


@pytest.fixture
def found(world):
    """Return what a browser finds, as the set of links into pages."""

    def look(browser, typed):
        answer = browser.get("/search", {"q": typed})
        assert answer.status_code == 200
        html = unescape(answer.content.decode()).split("<main")[1].split("</main>")[0]
        return {tag.split('href="')[1].split('"')[0] for tag in html.split("<a ")[1:]}

    return look


def test_a_payment_is_found_by_all_it_is_known_by(world, owner, found):
    (payment,) = world.sell(12_345)
    link = f"/payments/{payment.reference}"
    spoken = payment.approval_code.lower().replace("0", "o")

    for typed in (
        payment.reference,
        payment.reference.lower(),
        payment.approval_code,
        f" {spoken[:3]} {spoken[3:]} ",
        "12345",
        "12,345",
        world.card.card.last4,
    ):
        assert link in found(owner, typed), typed


@pytest.fixture
def bill(world):
    """Return a bill of an order that was paid by T-ID, and its payment."""
    request = terminal(store=world.merchant.stores.get()).asks(
        10_000, at=world.now, order="Table-7-Order-00000010"
    )
    payer_of(world).pays(request, at=world.now)
    return request, Payment.objects.get(reference=request.reference)


def spellings(request):
    """Return how the bill may be typed or scanned."""
    tid, order = request.tid, request.order
    return tid, f"{tid[:6]}-{tid[6:]}".lower(), f"T1.{tid}", order, f" {order.lower()} "


@pytest.mark.parametrize("who", ["owner", "clerk", "auditor"])
def test_a_bill_is_found_by_its_tid_and_its_order(world, bill, found, request, who):
    asked, payment = bill
    link, browser = f"/payments/{payment.reference}", request.getfixturevalue(who)

    for typed in spellings(asked):
        assert link in found(browser, typed), typed


def test_the_shops_own_list_finds_a_bill_too(world, bill, cashier, stranger):
    asked, payment = bill
    world.sell(10_000)

    for typed in spellings(asked):
        html = cashier.get("/merchant/payments", {"q": typed}).content.decode()
        assert html.count('<tr role="row" id="PAY-') == 1, typed
        assert f'id="{payment.reference}"' in html
        assert payment.reference not in stranger.get("/search", {"q": typed}).content.decode()


def test_batches_and_devices_are_found_by_reference(world, owner, found):
    world.sell(1000)
    batch, device = world.batch(), world.shop.device

    assert found(owner, batch.reference) == {f"/batches/{batch.reference}"}
    assert f"/batches/{batch.reference}" in found(owner, device.reference)
    edit = f"/merchant/{world.merchant.reference}/devices/{device.reference}"
    assert edit in found(owner, device.reference)
    assert edit in found(owner, device.name)


def test_the_issuer_finds_its_cards(world, auditor, found):
    card = world.card.card
    link = f"/issuer/{card.issuer.reference}/cards/{card.reference}"

    assert link in found(auditor, card.last4)
    assert link in found(auditor, card.reference)


OUTSIDERS = ("stranger", "auditor", "sponsor")


@pytest.fixture
def sponsor(staff):
    return staff(Role.SPONSOR, "SPO-1")


@pytest.mark.parametrize("who", OUTSIDERS)
def test_nobody_finds_payments_and_cards_of_others(world, found, request, who):
    (payment,) = world.sell(12_345, card=world.other_card)
    card, browser = world.other_card.card, request.getfixturevalue(who)

    for typed in (payment.reference, payment.approval_code, "12345", card.last4, card.reference):
        links = found(browser, typed)
        assert f"/payments/{payment.reference}" not in links
        assert not any(card.reference in link for link in links)


@pytest.mark.parametrize("who", [*OUTSIDERS, "cashier"])
def test_nobody_finds_batches_without_the_right(world, found, request, who):
    world.sell(1000, card=world.other_card)
    batch, browser = world.batch(), request.getfixturevalue(who)

    for typed in (batch.reference, world.shop.device.reference):
        assert f"/batches/{batch.reference}" not in found(browser, typed)


def test_a_shop_finds_no_card_page(world, cashier, found):
    assert found(cashier, world.card.card.reference) == set()


def test_nothing_found_says_what_was_looked_for(world, owner):
    html = unescape(owner.get("/search", {"q": "<b>none</b>"}).content.decode())
    raw = owner.get("/search", {"q": "<b>none</b>"}).content.decode()

    assert "Nothing found for" in html
    assert "<b>none</b>" not in raw
    assert "Nothing found" not in owner.get("/search").content.decode()


def test_the_header_of_every_page_searches_here(world, owner):
    html = owner.get("/batches").content.decode()

    assert 'action="/search"' in html


@pytest.mark.parametrize(
    "typed", ["", "0" * 100, "%", "🙂", "9" * 25, "-5", "A" * 22, "PAY-", "BAT-x", "RDR-1"]
)
def test_odd_input_finds_nothing_and_breaks_nothing(world, owner, typed):
    assert owner.get("/search", {"q": typed}).status_code == 200
    assert owner.get("/merchant/payments", {"q": typed}).status_code == 200
    assert owner.get("/batches", {"q": typed}).status_code == 200


def test_it_takes_few_queries(world, staff, django_assert_max_num_queries):
    world.sell(*range(1000, 1020))
    asked = ["1000", world.card.card.last4, "Reader", world.shop.device.reference]
    for role in (Role.MERCHANT_OWNER, Role.ISSUER_RISK, Role.PLATFORM_ADMIN):
        browser = staff(role)
        for typed in asked:
            with django_assert_max_num_queries(12):
                assert browser.get("/search", {"q": typed}).status_code == 200
