"""The thread through the portal, in a browser: a block that spreads, and sales that arrive live."""

import pytest
from playwright.sync_api import expect

from tests.journeys.counter import now
from tests.journeys.street import tap

pytestmark = pytest.mark.browser


def test_issuer_staff_sign_in_by_link_and_land_on_their_desk(portal, window):
    desk = window("issuer risk")
    page = desk.go("/")
    expect(page.locator("h1")).to_be_visible()
    page.get_by_role("link", name="Blacklist").first.click()
    expect(page.get_by_role("heading", name="Blacklist", level=1)).to_be_visible()


def test_a_block_is_watched_on_its_way_to_phone_and_reader(scene, window):
    card = scene.cards[1]
    page = window("issuer risk").go(f"/issuer/{scene.issuer}/blacklist")
    page.get_by_role("link", name="Block a card").first.click()
    page.get_by_role("searchbox", name="Last four, card id or holder").fill(str(card["card"]))
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name=f"Block •••• {card['last4']}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").select_option(label="Stolen")
    dialog.get_by_role("button", name="Block card").click()

    page.goto(page.url.partition("/blacklist")[0].partition("/cards")[0] + "/blacklist")
    row = page.get_by_role("row").filter(has_text=f"•••• {card['last4']}")
    expect(row).to_contain_text("Stolen")
    expect(row).to_contain_text("0 of 1")
    page.evaluate("window.opened = 'once'")

    scene.handset.portal.pull_commands(at=now())
    expect(row.locator("[data-label=Phones]")).to_contain_text("1 of 1", timeout=10_000)
    version = int(row.locator("[data-label=Version]").inner_text())
    scene.counter.refresh(issuer=scene.issuer, version=version)
    expect(row.locator("[data-label=Readers]")).to_contain_text("1 of 1", timeout=10_000)

    assert page.evaluate("window.opened") == "once", "the page was never loaded again"
    refused = tap(scene.handset, scene.tokens[1], scene.counter, 1_000)
    assert (refused.code, refused.contacted) == ("card_blocked", False)


def test_a_merchant_sees_a_payment_arrive_without_reload(scene, window):
    page = window("merchant owner").go("/merchant/payments")
    expect(page.locator("[data-live-words]")).to_have_text("Live")
    page.evaluate("window.opened = 'once'")
    before = page.locator("#rows tr").count()

    code = scene.sell(12_500)

    row = page.locator("#rows tr").filter(has_text=code)
    expect(row).to_contain_text("12,500", timeout=10_000)
    assert page.locator("#rows tr").count() == before + 1
    assert page.evaluate("window.opened") == "once", "the page was never loaded again"
    row.get_by_role("link").first.click()
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("main")).to_contain_text(code)
