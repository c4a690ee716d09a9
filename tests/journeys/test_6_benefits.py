"""Mission §6 where benefits meet the other four: offline payments, T-IDs, and what is reversed."""

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from config.wire import b64
from merchants.devices.sale_facts import Display
from tests.journeys import checkout
from tests.journeys.books import Books
from tests.journeys.checkout import final, sell
from tests.journeys.smart import Shopper, end, present
from tests.journeys.street import Shop, tap
from tests.journeys.waiting import eventually
from wallets.devices.purchase_words import Step

PERCENT = 5


@pytest.fixture(scope="module")
def books(portal):
    with closing(Books(portal)) as books:
        yield books


@pytest.fixture
def shopper(street, stall, phones, purse) -> Shopper:
    return Shopper(street=street, shop=stall, phone=phones[0], card=purse["card"])


@dataclass
class Corner:
    """A shop at which customers earn points of what they pay."""

    shop: Shop
    points: str

    def had_by(self, shopper) -> int:
        """Return the points the customer has of it."""
        told = shopper.phone.session.get("/wallet/benefits").json()["benefits"]
        return sum(each["available"] for each in told if each["source"] == self.points)


@pytest.fixture(scope="module")
def corner(street, desks) -> Corner:
    """A new shop, whose points were drafted, tried, published and made a rule on its pages."""
    shop, name = street.shop("Points Corner"), "Corner points"
    desk, pages = desks("platform admin"), f"/sponsor/{shop.merchant}"
    drafted = desk.submit(f"{pages}/campaigns/new", to="/new", name=name, kind="POINTS")
    campaign = drafted.url.path.rpartition("/")[2]
    tried = f"{pages}/campaigns/{campaign}?amount=10,000&balance=1,000&store={shop.store}"
    desk.submit(tried, to="/do/publish")
    added = desk.submit(f"{pages}/earnings/new", to="/new", percent=str(PERCENT), gives=campaign)
    assert f"Each payment earns {PERCENT} % of it" in added.text
    return Corner(shop=shop, points=name)


def own(shopper) -> list[dict[str, Any]]:
    """Return all payments of the customer, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["payment"] if found else ""
        page = shopper.phone.session.get(f"/wallet/payments?after={after}").json()["payments"]
        if not page:
            return found
        found += page


def test_6_02_an_offline_payment_earns_when_its_batch_posts_and_takes_no_benefit(
    street, corner, phones, purse, new_counter
):
    shopper = Shopper(street=street, shop=corner.shop, phone=phones[0], card=purse["card"])
    coupon = shopper.gets("COUPON_FIXED", amount=1_000)
    counter = new_counter(corner.shop)
    assert tap(phones[0], b64.decode(purse["card"]), counter, 6_000).state == "approved"
    assert corner.had_by(shopper) == 0, "nothing is earned before the batch"
    assert counter.upload().state == "POSTED"
    eventually(lambda: corner.had_by(shopper) == 6_000 * PERCENT // 100, within_s=30)
    assert coupon in shopper.holds()
    (posted,) = corner.shop.payments()
    assert (posted["channel"], posted["amount"]) == ("OFFLINE", 6_000)


def test_6_05_a_number_at_a_till_is_held_at_least_as_long_as_a_tid_lives(shopper, stand):
    quoted = present(stand, shopper.plans()["code"], 1_000)
    asked = stand.ask(stand.new_tid(1_000), 1_000)
    assert quoted["expires_at"] >= asked["expires_at"]
    end(stand, quoted, "abandon")


@pytest.mark.parametrize("how", ["cancelled", "expired"])
def test_6_05_a_tid_that_ends_leaves_the_number_free(shopper, stand, books, how):
    coupon = shopper.gets("COUPON_FIXED", amount=700)
    plan, tid = shopper.plans_to_pay(coupon), stand.new_tid(5_000)
    stand.ask(tid, 5_000)
    claimed = shopper.phone.purchases.claim(tid)
    assert claimed.step is Step.OPEN
    if how == "cancelled":
        stand.session.post(f"/terminal/payments/{tid}/cancel")
    else:
        books.let_expire(tid=tid)
        eventually(lambda: stand.state(tid) == "EXPIRED")
    refused = shopper.phone.purchases.approve(
        claimed, card=b64.decode(shopper.card), pin=checkout.PIN, plan=plan["plan"]
    )
    assert refused.step is not Step.PAID
    quoted = present(stand, plan["code"], 5_000)
    assert [line["benefit"] for line in quoted["lines"]] == [coupon]
    end(stand, quoted, "abandon")


def test_6_06_a_reversal_undoes_benefits_ledger_and_screens_as_one(
    shopper, stall, till, stand, books
):
    coupon, gift = shopper.gets("COUPON_FIXED", amount=1_000), shopper.gets("GIFT_CARD", amount=500)
    before = newest(stall)
    tid = sell(till, 6_000)
    paid = shopper.pays(tid, shopper.plans_to_pay(coupon, gift))
    assert (paid.step, final(till, tid).display) == (Step.PAID, Display.PAID)
    assert not {coupon, gift} & shopper.holds().keys()
    assert [line["amount"] for line in stand.look(tid)["lines"]] == [1_000, 500]
    till.cancel(tid)
    eventually(lambda: stand.state(tid) == "REVERSED")
    assert (shopper.holds()[coupon], shopper.holds()[gift]) == (1_000, 500)
    # What was on the gift card stands in the ledger since its first use; all else nets to nothing.
    assert {kind for kind, _owner in books.net(tid=tid)} <= {"GIFT_CARD", "GIFT_FUNDING"}
    assert [one["state"] for one in own(shopper) if one.get("tid") == tid] == ["REVERSED"]
    told = eventually(
        lambda: [
            one["type"]
            for one in stall.events(after=before)
            if one.get("payment", {}).get("tid") == tid
        ][3:]
    )
    assert told == ["payment.reversed"]


def newest(shop):
    """Return the number of the newest event of a shop."""
    after = 0
    while told := shop.events(after=after):
        after = told[-1]["seq"]
    return after


def test_6_06_a_reversal_takes_back_what_was_earned(street, corner, phones, purse, tmp_path):
    shopper = Shopper(street=street, shop=corner.shop, phone=phones[0], card=purse["card"])
    stand = checkout.stand(street, corner.shop, folder=tmp_path)
    before = corner.had_by(shopper)
    paid = present(stand, shopper.code(shopper.plans_to_pay()), 8_000)
    eventually(lambda: corner.had_by(shopper) == before + 400, within_s=30)
    assert end(stand, paid, "cancel")["state"] == "REVERSED"
    assert corner.had_by(shopper) == before
