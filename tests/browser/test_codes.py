"""A customer's code at the till in a browser: cashier and customer, each at their own window."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import axe
from tests.browser.conftest import Scene
from tests.browser.phone import shopper as shoppers
from tests.browser.phone.handset import Handset
from tests.browser.test_every_page import look
from tests.browser.test_till import SOON_MS, WITHHELD, without_sockets
from tests.journeys.portal import Portal

pytestmark = pytest.mark.browser

READER = """(() => {
  if (!navigator.mediaDevices) return;
  window.BarcodeDetector = class {
    static getSupportedFormats() { return Promise.resolve(['qr_code']); }
    detect() { return Promise.resolve(window.held ? [{ rawValue: window.held }] : []); }
  };
  navigator.mediaDevices.getUserMedia = () => {
    const canvas = document.createElement('canvas'), brush = canvas.getContext('2d');
    setInterval(() => brush.fillRect(0, 0, 9 * Math.random(), 9), 50);
    return Promise.resolve(canvas.captureStream());
  };
})()"""


@pytest.fixture
def handset(portal: Portal, chromium: Browser) -> Iterator[Handset]:
    """A browser that is no phone yet, and must end spotless."""
    with Handset.opened(chromium, origin=portal.origin) as opened:
        yield opened
        assert not opened.faults, opened.faults


@pytest.fixture
def phone(handset: Handset) -> Handset:
    """A newcomer with what the demo's campaigns give, and a card on the phone."""
    handset.set_up()
    handset.take_card()
    return handset


@pytest.fixture
def shopper(portal: Portal, handset: Handset, scene: Scene) -> Handset:
    """A customer with a coupon, points and a gift card at the bakery, and a card on the phone."""
    return shoppers.shopper(portal, handset, merchant=scene.shop)


@pytest.fixture
def till(scene: Scene, window: Callable) -> Page:
    """A cashier's window on the keypad."""
    return window("merchant cashier").go(f"/merchant/{scene.shop}/till")


def take(page: Page, code: str, amount: str = "10000") -> None:
    """Type amount and code at the till, and use the code."""
    page.locator("[name=amount]").fill(amount)
    page.get_by_label("Customer's code").fill(code)
    page.get_by_role("button", name="Use the code").click()


def lead(page: Page):
    return page.locator(".till-stage .lead")


def test_coupon_points_gift_card_and_payment_in_one_scan(scene, window, shopper):
    opened = window("merchant cashier")
    opened.context.add_init_script(READER)
    till = opened.go(f"/merchant/{scene.shop}/till")
    shopper.make_code(by_card=True)
    shopper.make_it_pay()
    digits = shopper.digits()
    till.locator("[name=amount]").fill("10000")
    till.get_by_role("button", name="Scan the customer's code").click()
    till.evaluate("(text) => { window.held = text; }", f"S1.{digits[:16]}.{digits[16:]}")

    expect(lead(till)).to_have_text("PAID")

    for text in ("10,000", "−1,000", "−500", "−2,000", "6,500"):
        expect(till.locator(".till-paid")).to_contain_text(text)
    shopper.shows("PAID", "The card paid", "₩6,500")
    till.get_by_role("link", name="Receipt").click()
    expect(till.locator(".receipt")).to_contain_text("10,000")


def test_the_cashier_quotes_confirms_and_a_reload_changes_nothing(till, phone):
    phone.make_code()
    take(till, phone.digits())
    expect(lead(till)).to_have_text("Left to pay")
    quoted = till.locator(".till-amount").inner_text()
    till.reload()
    expect(till.locator(".till-amount")).to_have_text(quoted, use_inner_text=True)

    till.get_by_role("button", name="paid in cash").dblclick()

    expect(lead(till)).to_have_text("PAID")
    expect(till.locator("#till-next")).to_be_focused()
    phone.shows("Benefits used", "Benefits paid")


def test_a_double_click_takes_a_code_once(till, phone):
    phone.make_code()
    till.locator("[name=amount]").fill("10000")
    till.get_by_label("Customer's code").fill(phone.digits())
    till.get_by_role("button", name="Use the code").dblclick()
    expect(lead(till)).to_have_text("Left to pay")
    till.get_by_role("button", name="Abandon the purchase").click()
    expect(lead(till)).to_have_text("Abandoned")


@pytest.mark.parametrize("sockets", [True, False])
def test_above_the_codes_maximum_the_phone_decides(scene, window, phone, sockets):
    opened = window("merchant cashier")
    if not sockets:
        without_sockets(opened.page)
    till = opened.go(f"/merchant/{scene.shop}/till")
    phone.make_code(by_card=True, limit="5,000")
    phone.make_it_pay()
    take(till, phone.digits())
    expect(lead(till)).to_have_text("The customer's phone is asked")
    phone.shows("The till asks")

    phone.type_pin()

    expect(lead(till)).to_have_text("PAID", timeout=SOON_MS)
    phone.shows("PAID")


def test_without_any_answer_it_says_that_nobody_knows(scene, window, phone):
    opened = window("merchant cashier")
    till = opened.go(f"/merchant/{scene.shop}/till")
    phone.make_code(by_card=True, limit="5,000")
    phone.make_it_pay()
    take(till, phone.digits())
    till.route("**/state", lambda route: route.abort())
    expect(till.locator("#till-unknown")).to_be_visible(timeout=30_000)
    phone.shows("The till asks")
    phone.type_pin()
    till.unroute("**/state")

    expect(lead(till)).to_have_text("PAID", timeout=SOON_MS)
    opened.faults[:] = [fault for fault in opened.faults if not WITHHELD.search(fault)]


def test_another_number_is_named(till):
    for code, says in {
        "123456789012": "a pre-approval number",
        "9000000000000009": "A digit",
    }.items():
        take(till, code)
        expect(till.locator(".till-order .err")).to_contain_text(says)
    expect(till.locator("[name=amount]")).to_have_value("10,000")


def test_a_sale_by_tid_shows_what_benefits_paid(till, shopper):
    till.locator("[name=amount]").fill("10000")
    till.get_by_role("button", name="Charge").click()
    till.locator(".qr-till").wait_for()
    shopper.type_number(str(till.locator("[data-till]").get_attribute("data-till-tid")))
    shopper.press("Use my benefits")
    shopper.shows("The card pays at most")
    shopper.type_pin()

    expect(lead(till)).to_have_text("PAID", timeout=SOON_MS)
    expect(till.locator(".till-lines")).to_contain_text("6,500")


def test_a_campaign_from_draft_to_redeemed(portal, chromium, scene, window, till):
    owner = window("merchant owner")
    publish(owner.go(f"/sponsor/{scene.shop}/campaigns/new"))
    customer = shoppers.customer(portal, name="Choi Yuna")
    hand_out(owner.go(f"/sponsor/{scene.shop}/customers/{customer}"))
    with Handset.opened(chromium, origin=portal.origin) as phone:
        shoppers.set_up(portal, phone, customer=customer)
        phone.make_code()
        phone.shows("Till to statement")
        take(till, phone.digits(), "20000")
        till.get_by_role("button", name="18,000 KRW paid in cash").click()
        expect(lead(till)).to_have_text("PAID")
        phone.shows("Benefits used", "₩2,000")

    row = (
        owner.go(f"/sponsor/{scene.shop}/redemptions")
        .locator("main tr")
        .filter(has_text="Till to statement")
    )
    expect(row).to_contain_text("Redeemed")
    expect(row).to_contain_text("2,000")
    statement = owner.go(f"/sponsor/{scene.shop}/statement")
    expect(statement.locator("main tr").filter(has_text="Till to statement")).to_contain_text(
        "2,000"
    )


def publish(page: Page) -> None:
    """Draft a campaign of 10 % off, look at what a basket costs, and publish it."""
    page.get_by_label("Name", exact=True).fill("Till to statement")
    page.get_by_label("Percent off").fill("10")
    page.get_by_role("button", name="Save the draft").click()
    page.get_by_label("Basket", exact=True).fill("20,000")
    page.get_by_role("button", name="Show what the customer pays").click()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("It is out")).to_be_visible()


def hand_out(page: Page) -> None:
    """Grant the campaign's coupon to one customer."""
    option = page.locator("[name=benefit] option").filter(has_text=re.compile("Till to statement"))
    page.locator("[name=benefit]").select_option(value=option.first.get_attribute("value"))
    page.get_by_label("Why").fill("Asked at the counter")
    page.get_by_role("button", name="Grant it").click()
    expect(page.get_by_role("table")).to_contain_text("Till to statement")


def test_its_pages(till, phone, axe_source):
    def faults():
        return "\n".join(look(till, axe_source, noted=set(), name="till-code"))

    take(till, "9000000000000009")
    expect(till.locator(".till-order .err")).to_be_visible()
    assert not axe.violations(page=till, source=axe_source, options=axe.EVERYTHING)
    phone.make_code()
    take(till, phone.digits())
    expect(lead(till)).to_have_text("Left to pay")
    assert not faults()
    till.get_by_role("button", name="paid in cash").click()
    expect(lead(till)).to_have_text("PAID")
    assert not faults()
    till.get_by_role("button", name="Take it back").click()
    expect(lead(till)).to_have_text("Taken back")
    assert not faults()
