"""One timeline across a purchase that used a relay, a T-ID, benefits and a refund (mission 6.10).

The customer's phone reads the bill at the table, plans a coupon and pays over the API; the shop's
owner finds the sale by each of its numbers, gives it back, and reads all of it on one page.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from config.wire import b64
from tests.browser.conftest import Scene
from tests.browser.payer import Payer
from tests.journeys import checkout
from tests.journeys.checkout import final, sell
from tests.journeys.smart import Shopper
from tests.journeys.street import PIN, Shop
from tests.journeys.waiting import eventually
from wallets.devices import purchases
from wallets.devices.purchase_words import Step

pytestmark = pytest.mark.browser

SOON_MS = 20_000
TOLD = [
    "Refund posted",
    "Benefits of 1,000 KRW came back",
    "Result acknowledged",
    "Result sent",
    "Sale posted",
    "The issuer approved 8,000 KRW",
    "Coupon of an amount takes 1,000 KRW",
    "Registration answered",
    "The terminal waits for the result",
    "Bill left at the relay",
    "The customer planned benefits: 1",
]


@pytest.fixture(scope="module")
def bakery(scene: Scene) -> Shop:
    """The demo's bakery as its devices know it."""
    return Shop(merchant=scene.shop, store="", api_key="", origin=scene.street.portal.origin)


@pytest.fixture(scope="module")
def table(scene: Scene, bakery: Shop, tmp_path_factory) -> Iterator[tuple]:
    """A terminal of the bakery, switched on, and a relay on a table that takes its bills."""
    stand = checkout.stand(scene.street, bakery, folder=tmp_path_factory.mktemp("terminal"))
    relay = checkout.relay(scene.street, bakery, folder=tmp_path_factory.mktemp("relay"))
    checkout.pair(scene.street, relay=relay.device, stand=stand)
    with stand.on() as till:
        yield till, relay
    relay.stop()


@pytest.fixture(scope="module")
def bought(scene: Scene, bakery: Shop, table) -> str:
    """Buy for 9,000 KRW with a coupon of 1,000; return the T-ID."""
    till, relay = table
    card = str(scene.cards[0]["card"])
    shopper = Shopper(street=scene.street, shop=bakery, phone=scene.handset, card=card)
    plan = shopper.plans(shopper.gets("COUPON_FIXED", amount=1_000))
    tid = sell(till, 9_000, order="Table 9", slot=relay.slot("nine"))
    eventually(lambda: relay.holds("Table 9"), within_s=10)
    payer = Payer(scene.handset, card)
    held = purchases.read_bill(http=scene.street.http, relay_url=relay.url, slot="nine")
    purchase = payer.purchases.claim_bill(held)
    paid = payer.purchases.approve(purchase, card=b64.decode(card), pin=PIN, plan=plan["plan"])
    assert paid.step is Step.PAID, paid
    final(till, tid)
    return tid


def searched(page: Page, typed: str) -> None:
    """Type into the search of every page, as a scanner does."""
    page.locator("#all").fill(typed)
    page.locator("#all").press("Enter")
    page.get_by_role("heading", name="Search everywhere").wait_for()


def test_6_10_one_timeline_tells_all_of_it(window, bought):
    page = window("merchant owner").go("/")
    searched(page, f"T1.{bought}")
    page.locator("main tbody th a").first.click()
    expect(page.locator(".timeline")).to_contain_text("Bill left at the relay")
    page.get_by_role("link", name="Refund").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("The bread was burnt")
    dialog.get_by_role("button", name="Refund").click()
    expect(page.locator(".timeline")).to_contain_text("Refund posted", timeout=SOON_MS)

    for said in TOLD:
        expect(page.locator(".timeline")).to_contain_text(said)
    for kind in ("payment.requested", "payment.claimed", "payment.approved", "refund.created"):
        expect(page.locator(".timeline")).to_contain_text(kind)


def test_6_10_it_is_found_by_order_amount_and_last_four(window, bought, scene):
    page = window("merchant owner").go("/")
    for typed in ("table 9", "9,000", str(scene.cards[0]["last4"]), bought.lower()):
        searched(page, typed)
        expect(page.locator("main tbody").first).to_contain_text("9,000")


def test_the_receipt_tells_purchase_and_benefit(window, bought):
    page = window("merchant owner").go("/")
    searched(page, bought)
    page.locator("main tbody th a").first.click()
    page.get_by_role("link", name="Receipt").click()
    expect(page.locator(".receipt")).to_contain_text("8,000")
    expect(page.locator(".receipt")).to_contain_text("1,000")
