"""A bill from the relay on the table: listed, taken, compared with the portal's word, paid."""

import pytest

from tests.browser.phone.handset import Handset

pytestmark = pytest.mark.browser


def fetch(phone: Handset, relay, order: str) -> None:
    phone.page.get_by_role("link", name="Relay", exact=True).click()
    phone.page.get_by_label("Relay's address").fill(relay.origin)
    phone.press("Show the bills")
    phone.press(f"Look at bill {order}")


def test_a_bill_is_fetched_from_the_relay_and_paid(phone, till, relay):
    tid = till.leave(relay, 21_000, order="B-1")
    fetch(phone, relay, "B-1")
    phone.shows("Mapo Bakery", "₩21,000", "Order B-1")
    phone.type_pin()
    phone.shows("PAID")
    assert till.look(tid)["state"] == "APPROVED"


def test_a_bill_that_differs_from_the_portals_word_is_not_paid(phone, till, relay):
    tid = till.leave(relay, 21_000, order="B-2", shown=91_000)
    fetch(phone, relay, "B-2")
    phone.shows("The bill was altered", "nothing was paid")
    assert till.look(tid)["state"] == "REQUESTED"


def test_a_relay_that_is_not_there_is_told(phone):
    phone.window.faults.clear()
    phone.page.get_by_role("link", name="Relay", exact=True).click()
    phone.page.get_by_label("Relay's address").fill("https://elsewhere.example")
    phone.press("Show the bills")
    phone.shows("Not an address here")
