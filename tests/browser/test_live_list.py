"""The live list on real servers: batches are posted, the socket server dies and comes back."""

import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import expect, sync_playwright

from config.models import SignInSession
from config.roles import Role
from settlement.models import Payment
from tests.browser import chromium, live_portal
from tests.factories.config import member, signed_in
from tests.settlement_portal import world as worlds

CHROMIUM = Path("/usr/bin/chromium")
LIVE = re.compile("^Live$")
AT_ONCE_MS, SOON_MS = 6_000, 15_000  # on a busy machine; a frame takes less than a second

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def servers(django_db_setup, django_db_blocker, data_folder):
    with django_db_blocker.unblock(), live_portal.serving(data_folder=data_folder) as started:
        yield started


@pytest.fixture
def portal(transactional_db, servers):
    """The servers, both of them up, on an empty database."""
    if servers.server is None:
        servers.open_sockets()
    return servers


@pytest.fixture
def world(portal):
    return portal.do(worlds.made)


@pytest.fixture
def cookie(portal, world):
    """The session of a cashier of the shop."""

    def sign_in():
        return signed_in(member(Role.MERCHANT_CASHIER, world.merchant.reference))

    return {
        "name": django_settings.SESSION_COOKIE_NAME,
        "value": portal.do(lambda: sign_in().session.session_key),
        "url": portal.origin,
    }


@pytest.fixture
def browser():
    if not CHROMIUM.exists():
        pytest.skip("needs the distribution's Chromium")
    path = str(CHROMIUM)
    with sync_playwright() as playwright, chromium.started(playwright, named=path) as browser:
        yield browser


@pytest.fixture
def page(browser, cookie, portal):
    """The live list, open and live; what its scripts throw fails the test."""
    context = browser.new_context()
    context.add_cookies([cookie])
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{portal.origin}/merchant/payments")
    expect(chip(page)).to_have_text(LIVE, timeout=SOON_MS)
    page.evaluate("window.untouched = true")
    yield page
    assert faults == []
    context.close()


def chip(page):
    return page.locator("[data-live-words]")


def row(page, payment):
    return page.locator(f"#rows > #{payment.reference}")


def shown(page):
    return page.eval_on_selector_all("#rows > tr", "rows => rows.map((row) => row.id)")


def kept():
    """Return what the database holds, newest first."""
    return list(Payment.objects.order_by("-pk").values_list("reference", flat=True))


def test_a_posted_batch_appears_without_a_reload(portal, world, page):
    first, second = portal.do(world.sell, 12_500, 4800)

    for payment in (first, second):
        expect(row(page, payment)).to_be_visible(timeout=AT_ONCE_MS)
    assert shown(page) == [second.reference, first.reference]
    expect(page.locator("#figures")).to_contain_text("17,300", timeout=SOON_MS)
    expect(page.locator("[data-live-empty]")).to_have_count(0)
    assert page.evaluate("window.untouched")


def test_a_reversal_redraws_the_row_where_it_stands(portal, world, page):
    sale = portal.do(world.card.sale, world.shop, 3000)
    (payment,) = portal.do(world.post, world.shop, sale)
    (other,) = portal.do(world.sell, 9900)
    expect(row(page, other)).to_be_visible(timeout=AT_ONCE_MS)
    void = portal.do(world.card.void, world.shop, 3000, world.card.atc - 1)
    portal.do(world.post, world.shop, void)

    expect(row(page, payment)).to_contain_text("Reversed", timeout=AT_ONCE_MS)
    assert shown(page) == [other.reference, payment.reference]


def test_nothing_is_lost_or_doubled_while_the_socket_server_is_dead(portal, world, page):
    (before,) = portal.do(world.sell, 1000)
    expect(row(page, before)).to_be_visible(timeout=AT_ONCE_MS)

    portal.kill_sockets()
    banner = page.locator("[data-live-banner]")
    expect(banner).to_contain_text("The line is down since", timeout=AT_ONCE_MS)
    expect(chip(page)).to_contain_text("Reconnecting")
    during = portal.do(world.sell, *range(2000, 2030))
    expect(row(page, during[-1])).to_be_visible(timeout=SOON_MS)  # polled meanwhile
    assert shown(page) == portal.do(kept)

    portal.open_sockets()
    expect(chip(page)).to_have_text(LIVE, timeout=SOON_MS)
    expect(banner).to_contain_text("Rows caught up: 30")
    (after,) = portal.do(world.sell, 7400)
    expect(row(page, after)).to_be_visible(timeout=AT_ONCE_MS)

    rows = shown(page)
    assert rows == portal.do(kept)
    assert len(rows) == len(set(rows)) == 32
    assert page.evaluate("window.untouched")


def test_a_view_takes_only_what_fits_it(portal, world, page):
    page.get_by_role("link", name="Reversed", exact=True).click()
    expect(chip(page)).to_have_text(LIVE, timeout=SOON_MS)
    sale = portal.do(world.card.sale, world.shop, 3000)
    (payment,) = portal.do(world.post, world.shop, sale)
    expect(page.locator("#figures")).to_contain_text("3,000", timeout=SOON_MS)
    assert shown(page) == []

    portal.do(world.post, world.shop, portal.do(world.card.void, world.shop, 3000, 1))
    expect(row(page, payment)).to_contain_text("Reversed", timeout=AT_ONCE_MS)


def test_another_shops_sales_never_come(portal, world, page):
    portal.do(world.sell, 5000, shop=world.other_shop)
    (own,) = portal.do(world.sell, 1000)

    expect(row(page, own)).to_be_visible(timeout=AT_ONCE_MS)
    assert shown(page) == [own.reference]


def test_a_session_that_ends_leads_to_sign_in(portal, page):
    portal.do(SignInSession.objects.all().delete)

    page.wait_for_url(re.compile("/sign-in"), timeout=SOON_MS)


def test_it_works_without_scripts(portal, world, browser, cookie):
    small, large = portal.do(world.sell, 1000, 48_000)
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([cookie])
    page = context.new_page()

    page.goto(f"{portal.origin}/merchant/payments")
    expect(row(page, small)).to_be_visible()
    page.locator("#q").fill("48,000")
    page.locator("#q").press("Enter")
    expect(row(page, large)).to_be_visible()
    expect(row(page, small)).to_have_count(0)
    page.get_by_role("link", name=large.reference).click()
    expect(page.get_by_role("heading", name="48,000 KRW")).to_be_visible()
    context.close()
