"""The customer's journey: set up, a card, a bill, PAID, a receipt; and what may go wrong."""

import pytest
from playwright.sync_api import expect

from tests.browser.phone.handset import PIN

pytestmark = pytest.mark.browser


def paid(till, tid):
    return till.look(tid)["state"]


def lose_the_answer(phone, tid):
    """Approve so that the portal hears it and the phone hears nothing."""
    phone.type_number(tid)
    phone.shows("₩7,000")
    phone.page.route("**/approve", lambda route: (route.fetch(), route.abort())[0])
    phone.type_pin()
    phone.shows("This phone keeps asking: do not pay again")
    phone.page.goto("about:blank")
    phone.page.unroute_all(behavior="wait")
    phone.window.faults.clear()


def test_a_bill_is_typed_paid_and_on_the_receipts(phone, till):
    tid = till.sale(12_500, order="A-17")
    phone.type_number(f"{tid[:6].lower()} {tid[6:12]}-{tid[12:]}")
    phone.shows("Mapo Bakery", "₩12,500", "Order A-17")
    phone.type_pin()
    phone.shows("PAID", "₩12,500")
    told = till.look(tid)
    assert told["state"] == "APPROVED"
    phone.shows(told["approval_code"])
    phone.page.get_by_role("link", name="Done").click()
    phone.shows("₩12,500", "Paid")
    phone.page.get_by_role("link", name="Mapo Bakery").click()
    phone.shows("₩12,500", told["approval_code"])


def test_a_receipt_shows_what_was_given_back(phone, till):
    tid = till.sale(10_000)
    phone.type_number(tid)
    phone.type_pin()
    phone.shows("PAID")
    till.act(tid, "refunds", {"amount": 2_500, "reason": "One roll back"})
    phone.page.get_by_role("link", name="See the receipt").click()
    phone.shows("Refunded in part")
    phone.page.get_by_role("link", name="Mapo Bakery").click()
    phone.shows("One roll back", "\N{MINUS SIGN}₩2,500", "₩7,500")


def test_a_wrong_pin_pays_nothing_and_the_right_one_then_does(phone, till):
    phone.refusals.add(422)
    tid = till.sale(4_000)
    phone.type_number(tid)
    phone.type_pin("000000")
    phone.shows("Wrong PIN", "Nothing was paid")
    assert paid(till, tid) == "CLAIMED"
    phone.type_pin()
    phone.shows("PAID")
    assert paid(till, tid) == "APPROVED"


def test_the_keypad_types_the_pin(phone, till):
    phone.type_number(till.sale(900))
    for digit in PIN:
        phone.page.get_by_role("button", name=digit, exact=True).click()
    phone.press("Pay ₩900")
    phone.shows("PAID")


def test_the_phone_waits_for_a_till_that_comes_second(phone, till):
    phone.refusals.add(404)
    tid = till.tid(3_300)
    phone.type_number(tid)
    phone.shows("Waiting for the shop")
    till.ask(tid, 3_300)
    phone.shows("₩3,300")
    phone.type_pin()
    phone.shows("PAID")


def test_it_waits_ten_seconds_and_no_longer(phone, till):
    phone.refusals.add(404)
    phone.type_number(till.tid(3_300))
    phone.shows("Waiting for the shop")
    phone.shows("Not known yet", "Try again", within_ms=14_000)


def test_another_phone_waits_until_the_first_gives_it_back(phone, new_phone, till):
    other = new_phone()
    other.set_up()
    other.take_card()
    other.refusals.add(409)
    tid = till.sale(5_000)
    phone.type_number(tid)
    phone.shows("₩5,000")
    other.type_number(tid)
    other.shows("Another phone is paying")
    phone.press("Give to another phone")
    phone.shows("Given back")
    other.press("Try again")
    other.type_pin()
    other.shows("PAID")


def test_five_wrong_pins_lock_the_phone(phone, till):
    phone.refusals |= {422, 403}
    tid = till.sale(5_000)
    phone.type_number(tid)
    for _ in range(4):
        phone.type_pin("999999")
        phone.shows("Wrong PIN")
    phone.type_pin("999999")
    phone.shows("This phone is locked")
    expect(phone.page.get_by_label("PIN", exact=True)).to_be_disabled()
    assert paid(till, tid) == "CLAIMED"


def test_a_reload_in_the_middle_goes_on_with_the_same_bill(phone, till):
    tid = till.sale(6_000)
    phone.type_number(tid)
    phone.shows("₩6,000")
    phone.go()
    phone.shows("₩6,000", "Mapo Bakery")
    phone.type_pin()
    phone.shows("PAID")
    assert paid(till, tid) == "APPROVED"


def test_a_reload_while_the_answer_is_lost_pays_once(phone, till):
    lose_the_answer(phone, till.sale(7_000))
    phone.go()
    phone.shows("PAID", "₩7,000")
    phone.go("receipts")
    expect(phone.page.get_by_role("link", name="Mapo Bakery")).to_have_count(1)


def test_a_customer_may_decline(phone, till):
    tid = till.sale(8_000)
    phone.type_number(tid)
    phone.press("Decline")
    phone.shows("You declined", "Nothing was charged")
    told = till.look(tid)
    assert (told["state"], told["decline_reason"]) == ("DECLINED", "customer_declined")


def test_a_declined_card_says_why(phone, till):
    tid = till.sale(90_000_000)
    phone.type_number(tid)
    phone.type_pin()
    phone.shows("₩90,000,000")
    expect(phone.heading("Not paid")).to_be_visible()
    assert paid(till, tid) == "DECLINED"


def test_a_request_that_the_shop_took_back_has_ended(phone, till):
    phone.refusals.add(409)
    tid = till.sale(8_000)
    phone.type_number(tid)
    phone.shows("₩8,000")
    till.act(tid, "cancel")
    phone.type_pin()
    phone.shows("The shop cancelled")


def test_a_mistyped_number_is_told_before_anybody_is_asked(phone, till):
    tid = till.tid(1)
    swapped = tid[:-1] + ("0" if tid[-1] != "0" else "1")
    phone.type_number(swapped)
    phone.shows("A character is mistyped")
    phone.type_number("9123456789012345")
    phone.shows("a number for the shop to type")
