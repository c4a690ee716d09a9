"""Each screen of the phone, narrow and wide, light and dark: nothing sticks out, axe is content."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.phone.handset import Handset
from tests.browser.test_every_page import look

pytestmark = pytest.mark.browser


def faults(phone: Handset, source: str) -> str:
    return "\n".join(look(phone.page, source, noted=set(), name="demo-phone"))


def test_a_phone_that_is_none_yet(new_phone, axe_source):
    phone = new_phone()
    phone.go()
    expect(phone.heading("Demo phone")).to_be_visible()
    assert not faults(phone, axe_source)
    phone.go("setup")
    expect(phone.heading("Set up")).to_be_visible()
    assert not faults(phone, axe_source)


def test_screens_without_a_payment(phone, axe_source):
    card = phone.page.locator(".card-face").get_attribute("href")
    for screen, heading in {
        "home": "Wallet",
        "pay": "Pay",
        "relay": "Relay",
        "receipts": "Receipts",
        "phone": "This phone",
        card.lstrip("#"): "Card",
    }.items():
        phone.go(screen)
        expect(phone.page.get_by_role("heading", level=1)).to_contain_text(heading)
        assert not faults(phone, axe_source), screen


def test_screens_of_a_payment(phone, till, axe_source):
    phone.refusals |= {422}
    tid = till.sale(12_500, order="A-17")
    phone.type_number(tid)
    phone.shows("₩12,500")
    assert not faults(phone, axe_source)
    phone.type_pin("000000")
    phone.shows("Wrong PIN")
    assert not faults(phone, axe_source)
    phone.type_pin()
    phone.shows("PAID")
    assert not faults(phone, axe_source)
    phone.page.get_by_role("link", name="See the receipt").click()
    phone.page.get_by_role("link", name="Mapo Bakery").click()
    phone.shows("Approval code")
    assert not faults(phone, axe_source)


def test_the_keyboard_alone_pays(phone, till):
    phone.go("pay")
    expect(phone.heading("Pay")).to_be_visible()
    keys = phone.page.keyboard
    phone.page.get_by_label("Number on the shop's screen").focus()
    keys.type(till.sale(2_200))
    keys.press("Enter")
    phone.shows("₩2,200")
    expect(phone.page.get_by_label("PIN", exact=True)).to_be_focused()
    keys.type("314159")
    keys.press("Enter")
    phone.shows("PAID")
    expect(phone.heading("Paid")).to_be_focused()
    expect(phone.page.locator("#announce")).to_have_text("PAID ₩2,200")


def test_a_card_is_frozen_and_freed_by_its_owner(phone, till):
    page: Page = phone.page
    page.locator(".card-face").click()
    phone.press("Freeze this card")
    phone.shows("Frozen by you")
    phone.type_number(till.sale(2_200))
    phone.shows("No card here can pay this")
    phone.page.get_by_role("link", name="Show my cards").click()
    phone.shows("A bill is open")
    phone.page.locator(".card-face").click()
    phone.press("Unfreeze this card")
    phone.shows("Current")
