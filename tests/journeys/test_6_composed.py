"""Mission §6: how the five meet, each system over the wire it has (6.01, 6.04)."""

import time
from collections.abc import Iterator

import httpx
import pytest

from config.wire import b64
from config.wire.client import PortalRefused
from merchants.devices.sale_facts import Display
from tests.journeys import ahead
from tests.journeys.ahead import Holder
from tests.journeys.books import Books
from tests.journeys.checkout import approve, buy, final, sell
from tests.journeys.smart import Shopper, present
from tests.journeys.street import tap
from tests.journeys.waiting import eventually
from wallets.devices import purchases
from wallets.devices.purchase_words import Step
from wallets.devices.purchases import BillUnreadable, ReadBill

SHARE = 1_000


@pytest.fixture(scope="module")
def books(portal) -> Iterator[Books]:
    books = Books(portal)
    yield books
    books.close()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10) as http:
        yield http


@pytest.fixture
def pair(street, customer):
    """Two cards of the customer: one that will be blocked, one that goes on."""
    return [street.card(customer) for _ in range(2)]


@pytest.fixture
def phone(phones, pair):
    """A phone that carries both."""
    for card in pair:
        phones[0].take(card["card"])
    return phones[0]


@pytest.fixture
def leave(till, relay):
    """Return a function that rings up an amount and leaves the bill at the relay."""

    def leave(amount, *, order, slot):
        tid = sell(till, amount, order=order, slot=relay.slot(slot))
        eventually(lambda: relay.holds(order), within_s=10)
        return tid

    return leave


class TestABlockedCard:
    """6.01: at once on every way online; offline it depends on the phone's and the reader's list.

    What was planned, claimed or read before the block is stopped with it.
    """

    def test_6_01_stops_on_every_way_online_at_once(
        self, street, stall, stand, till, relay, leave, phone, pair, http
    ):
        stopped, other = (b64.decode(each["card"]) for each in pair)
        shopper = Shopper(street=street, shop=stall, phone=phone, card=pair[0]["card"])
        code = shopper.code(shopper.plans_to_pay())
        tid = sell(till, SHARE)
        claimed = phone.purchases.claim(tid)
        leave(SHARE, order="B-601", slot="blocked")
        held = purchases.read_bill(http=http, relay_url=relay.url, slot="blocked")
        holder, atm = Holder(phone=phone, card=pair[0]["card"]), ahead.machine(street, stall)
        cash = holder.approves()

        street.block(pair[0]["card"])

        number = present(stand, code, SHARE)
        assert (number["state"], number["decline_reason"]) == ("DECLINED", "card_blocked")
        assert approve(phone, claimed, stopped).step is Step.DECLINED
        by_relay = approve(phone, phone.purchases.claim_bill(held), stopped)
        assert (by_relay.step, by_relay.reason) == (Step.DECLINED, "card_blocked")
        assert refusal(atm.takes, cash) == "card_blocked"
        assert holder.money()[1] == 0, "what was set aside for cash is free again"
        assert holder.approves()["state"] == "DECLINED"
        assert final(till, tid).display is Display.DECLINED
        assert buy(phone, sell(till, SHARE), other).step is Step.PAID

    def test_6_01_offline_alone_waits_for_the_news(self, street, customer, counter):
        card, handset = street.card(customer), street.handset(customer)
        token = handset.take(card["card"])
        blocked = street.block(card["card"])

        assert tap(handset, token, counter, SHARE).state == "approved", "nobody there knows yet"
        counter.refresh(issuer=card["issuer"], version=blocked["version"])

        assert tap(handset, token, counter, SHARE).code == "blacklisted"

    def test_6_01_control_unblocked_it_pays_again(self, street, till, phone, pair):
        street.block(pair[0]["card"])
        street.unblock(pair[0]["card"])

        assert buy(phone, sell(till, SHARE), b64.decode(pair[0]["card"])).step is Step.PAID


class TestARelayBillThatCarriesATid:
    """6.04: the shorter of both lives counts, and what ends one ends the other."""

    def test_6_04_the_bill_ends_first(self, stand, relay, phone, pair, http):
        made = stand.bill(SHARE, relay=relay.device, expires=int(time.time()) + 3)
        assert relay.put("short", made.data).status_code == 201
        held = purchases.read_bill(http=http, relay_url=relay.url, slot="short")
        purchase = phone.purchases.claim_bill(held)
        eventually(lambda: time.time() >= made.bill.expires, within_s=5)

        told = approve(phone, purchase, b64.decode(pair[1]["card"]))

        assert (told.step, told.reason) == (Step.REFUSED, "bill_expired")
        with pytest.raises(BillUnreadable):
            purchases.read_bill(http=http, relay_url=relay.url, slot="short")

    def test_6_04_the_tid_ends_first(self, stand, relay, phone, pair, books):
        made = stand.bill(SHARE, relay=relay.device, expires=int(time.time()) + 300)
        purchase = phone.purchases.claim_bill(ReadBill(data=made.data, bill=made.bill))
        books.let_expire(tid=made.tid)

        told = approve(phone, purchase, b64.decode(pair[1]["card"]))

        assert (told.step, told.reason) == (Step.ENDED, "EXPIRED")
        assert books.moved_by(tid=made.tid) == []

    def test_6_04_cancelling_the_tid_clears_the_relay(self, till, relay, leave, phone, pair, http):
        tid = leave(SHARE, order="C-604", slot="cancelled")
        held = purchases.read_bill(http=http, relay_url=relay.url, slot="cancelled")
        purchase = phone.purchases.claim_bill(held)

        till.cancel(tid)

        assert final(till, tid).display is Display.CANCELLED
        eventually(lambda: not relay.holds("C-604"), within_s=10)
        told = approve(phone, purchase, b64.decode(pair[1]["card"]))
        assert (told.step, told.reason) == (Step.ENDED, "CANCELLED")

    def test_6_04_a_bill_that_is_replaced_cancels_its_tid(
        self, till, relay, leave, stand, phone, pair, http, books
    ):
        old = leave(SHARE, order="D-604", slot="replaced")
        new = leave(SHARE + 1, order="D-604", slot="replaced")

        eventually(lambda: stand.state(old) == "CANCELLED", within_s=10)
        eventually(lambda: bill_of(http, relay, "replaced").bill.tid == new, within_s=10)
        held = bill_of(http, relay, "replaced")
        told = approve(phone, phone.purchases.claim_bill(held), b64.decode(pair[1]["card"]))

        assert (told.step, final(till, new).display) == (Step.PAID, Display.PAID)
        assert books.moved_by(tid=old) == []


def refusal(act, *args):
    with pytest.raises(PortalRefused) as refused:
        act(*args)
    return refused.value.code


def bill_of(http, relay, slot):
    return purchases.read_bill(http=http, relay_url=relay.url, slot=slot)
