"""The till over a request that nobody pays: portals started with a short life of T-IDs."""

import os
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import expect, sync_playwright

from config.roles import Role
from config.stack.parts import find_chromium
from tests.browser import chromium, live_portal
from tests.factories.config import member, signed_in
from tests.factories.merchants import StoreFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TTL_S = 6


@pytest.fixture(scope="module")
def servers(django_db_setup, django_db_blocker, data_folder):
    """The page and socket servers, as ``up --ttl TID=6`` starts them."""
    short = {"PAYDESK_TTL_TID": str(TTL_S)}
    with (
        django_db_blocker.unblock(),
        patch.dict(os.environ, short),
        live_portal.serving(data_folder=data_folder) as started,
    ):
        yield started


@pytest.fixture
def browser(transactional_db):
    """A browser that opens after the database and closes before it is emptied."""
    named = os.environ.get("PAYDESK_CHROMIUM") or find_chromium()
    if not named:
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright, chromium.started(playwright, named=named) as browser:
        yield browser


@pytest.fixture
def page(servers, browser):
    """A cashier's page on the keypad of a shop; what its scripts throw fails the test."""
    if servers.server is None:
        servers.open_sockets()
    merchant = servers.do(lambda: StoreFactory().merchant.reference)

    def sign_in():
        return signed_in(member(Role.MERCHANT_CASHIER, merchant)).session.session_key

    context = browser.new_context()
    name, value = django_settings.SESSION_COOKIE_NAME, servers.do(sign_in)
    context.add_cookies([{"name": name, "value": value, "url": servers.origin}])
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{servers.origin}/merchant/{merchant}/till")
    yield page
    context.close()
    assert faults == []


def test_a_request_expires_before_the_cashiers_eyes(page):
    page.locator("[name=amount]").fill("12500")
    page.get_by_role("button", name="Charge").click()
    page.locator(".qr-till").wait_for()
    page.evaluate("window.opened = 'once'")
    expect(page.locator("[data-count-down] p")).to_have_text(f"Good for {TTL_S - 3} s more")

    expect(page.locator(".till-stage .lead")).to_have_text("Expired", timeout=20_000)

    expect(page.locator(".till-stage")).to_contain_text("Nobody paid in time.")
    assert page.evaluate("window.opened") == "once", "the page was never loaded again"
    expect(page.get_by_role("button", name="New code for 12,500 KRW")).to_be_visible()
