"""From a customer's phone to the ATM in the portal, and on to the pages of shop and issuer."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Scene
from tests.browser.phone.handset import Handset
from tests.browser.phone.test_ahead import approve, number_on
from tests.browser.test_codes import READER
from tests.browser.test_every_page import look

pytestmark = pytest.mark.browser

CODE = "2468"
SOON_MS = 20_000


@pytest.fixture
def phone(portal, chromium):
    with Handset.opened(chromium, origin=portal.origin) as handset:
        handset.set_up()
        handset.take_card()
        yield handset
        assert not handset.faults, handset.faults


@pytest.fixture
def machine(scene: Scene, window) -> Page:
    """A cashier's window on the ATM in the portal."""
    return window("merchant cashier").go(f"/merchant/{scene.shop}/atm")


def key_in(page: Page, number: str, *, code: str = CODE, amount: str = "") -> None:
    page.get_by_label("Approval number").fill(number)
    page.get_by_label("Amount").fill(amount)
    page.get_by_label("Pickup code").fill(code)
    page.get_by_role("button", name="Redeem").click()


def lead(page: Page):
    return page.locator("#atm-lead")


def test_from_the_phone_to_the_notes_and_on_to_everybodys_pages(phone, machine, scene, window):
    approve(phone, "60000", code=CODE)
    phone.shows("Ready to use")
    number = number_on(phone)

    key_in(machine, number)
    expect(lead(machine)).to_have_text("The number is good")
    phone.shows("At the machine", within_ms=SOON_MS)
    machine.get_by_role("button", name="Pay the notes out").click()
    expect(lead(machine)).to_have_text("PAID OUT")
    reference = machine.locator(".mono").last.inner_text()
    phone.shows("Done", "came out", within_ms=SOON_MS)

    shop = window("merchant owner").go(f"/merchant/{scene.shop}/numbers?q={reference}")
    expect(shop.locator("tbody tr")).to_have_count(1)
    expect(shop.locator("tbody")).to_contain_text("60,000")
    desk = window("issuer risk").go(f"/issuer/{scene.issuer}/preapprovals")
    desk.locator("tbody tr a").first.click()
    expect(desk.locator(".timeline")).to_contain_text("Paid out and posted")
    for page in (machine, shop, desk):
        assert number not in page.content()


def test_a_number_is_used_once_and_the_wrong_code_uses_none(phone, machine):
    approve(phone, "20000", code=CODE)
    phone.shows("Ready to use")
    number = number_on(phone)
    key_in(machine, number, code="0000")
    expect(machine.locator(".summary")).to_contain_text("pickup code does not fit")
    assert number not in machine.content()

    key_in(machine, f"A1.{number}")
    machine.get_by_role("button", name="Pay the notes out").click()
    expect(lead(machine)).to_have_text("PAID OUT")
    machine.get_by_role("link", name="Next customer").click()
    key_in(machine, number)
    expect(machine.locator(".summary")).to_contain_text("was used")


def test_5_10_a_power_cut_is_decided_at_the_suspense_desk(
    phone, machine, scene, window, axe_source
):
    approve(phone, "30000", code=CODE)
    phone.shows("Ready to use")
    key_in(machine, number_on(phone))
    machine.get_by_role("button", name="Power cut while it moves").click()
    expect(lead(machine)).to_have_text("Nobody knows what came out")
    reference = machine.locator(".mono").last.inner_text()
    phone.shows("Being looked into", within_ms=SOON_MS)

    desk = window("issuer risk").go(f"/issuer/{scene.issuer}/suspense")
    desk.get_by_role("link", name=f"Resolve {reference}").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Did it come out?")
    expect(desk.locator("pre")).to_contain_text("power cut")
    assert not look(desk, axe_source, noted=set(), name="suspense-resolve")
    desk.get_by_label("A part").check()
    desk.get_by_label("The part that came out").fill("10,000")
    desk.get_by_label("Evidence").fill("The count is short by one note")
    desk.get_by_role("button", name="Propose").click()
    expect(desk.locator(".banner, .toast").first).to_contain_text("a second person agrees")
    desk.get_by_role("link", name=f"Review {reference}").click()
    expect(desk.locator("main")).to_contain_text("Another person must agree")
    assert not look(desk, axe_source, noted=set(), name="suspense-resolve")
    phone.shows("Being looked into", within_ms=SOON_MS)

    clerk = window("settlement clerk").go(f"/merchant/{scene.shop}/days/2026-01-06/close")
    expect(clerk.locator("main")).to_contain_text("Not ready to close.")
    expect(clerk.locator("main")).not_to_contain_text("It can be closed")
    expect(clerk.get_by_role("button", name="Close the day")).to_be_disabled()
    assert not look(clerk, axe_source, noted=set(), name="day-close")

    desk = window("issuer operations").go(f"/issuer/{scene.issuer}/suspense")
    assert not look(desk, axe_source, noted=set(), name="suspense-list")
    desk.get_by_role("link", name=f"Review {reference}").click()
    expect(desk.locator("main")).to_contain_text("The count is short by one note")
    assert not look(desk, axe_source, noted=set(), name="suspense-resolve")
    desk.get_by_role("button", name="Agree").click()
    expect(desk.locator(".banner, .toast").first).to_contain_text("10,000 KRW is posted")
    phone.shows("₩10,000 came out", within_ms=SOON_MS)

    owner = window("merchant owner").go(f"/merchant/{scene.shop}/atm/count")
    expect(owner.locator(".banner")).to_contain_text("Power was cut")
    owner.get_by_role("button", name="Save the count").click()
    expect(owner).to_have_url(f"{owner.url.split('/merchant/')[0]}/merchant/{scene.shop}/atms")


def test_the_keys_type_into_the_field_in_use(machine):
    machine.get_by_label("Approval number").focus()
    for digit in "412":
        machine.locator(f"[data-key='{digit}']").click()
    machine.locator("[data-key=erase]").click()
    expect(machine.get_by_label("Approval number")).to_have_value("41")
    machine.get_by_label("Amount").focus()
    machine.locator("[data-key='5']").click()
    expect(machine.get_by_label("Amount")).to_have_value("5")


def test_the_camera_reads_the_number_and_the_pickup_code_comes_next(scene, window):
    opened = window("merchant cashier")
    opened.context.add_init_script(READER)
    page = opened.go(f"/merchant/{scene.shop}/atm")
    page.evaluate("(text) => { window.held = text; }", "A1.412345678905")
    page.get_by_role("button", name="Scan the customer's code").click()

    expect(page.get_by_label("Approval number")).to_have_value("A1.412345678905")
    expect(page.get_by_label("Pickup code")).to_be_focused()


def test_its_pages_look_right(phone, machine, scene, window, axe_source):
    """Pages that no link leads to without a customer: each width, each colour scheme."""
    approve(phone, "40000", code=CODE)
    phone.shows("Ready to use")
    desk = window("issuer risk").go(f"/issuer/{scene.issuer}/preapprovals")
    desk.locator("tbody tr a").first.click()
    assert not look(desk, axe_source, noted=set(), name="preapproval")
    desk.get_by_role("link", name="Cancel it").click()
    assert not look(desk, axe_source, noted=set(), name="preapproval-cancel")

    key_in(machine, number_on(phone))
    assert not look(machine, axe_source, noted=set(), name="atm-redemption")
    machine.get_by_role("button", name="Pay the notes out").click()
    expect(lead(machine)).to_have_text("PAID OUT")
    assert not look(machine, axe_source, noted=set(), name="atm-redemption")


def test_a_file_of_tickets_comes_in_and_its_page_looks_right(scene, window, axe_source):
    page = window("merchant owner").go(f"/merchant/{scene.shop}/stock/load")
    text = "kind,currency,amount,serial\nLOTTERY,KRW,5000,L-1\nGOLD,KRW,1,X\n"
    file = {"name": "items.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.set_input_files("[name=file]", file)
    page.get_by_role("button", name="Load", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("1 item came in")
    assert not look(page, axe_source, noted=set(), name="stock-file")
    page.get_by_role("link", name="To the stock").click()
    expect(page.locator("tbody").last).to_contain_text("L-1")
