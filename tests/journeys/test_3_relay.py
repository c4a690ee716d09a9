"""Mission §3: the customer pays at a relay, away from the counter (3.01 to 3.12)."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import httpx
import pytest

from config.wire import b64
from config.wire.client import PortalRefused
from config.wire.keys import SigningKey
from merchants.devices.sale_facts import Display
from tests.journeys import checkout
from tests.journeys.books import Books
from tests.journeys.checkout import approve, buy, final, sell
from tests.journeys.meeting import at_once
from tests.journeys.waiting import eventually
from wallets.devices import purchases
from wallets.devices.purchase_words import Step
from wallets.devices.purchases import BillUnreadable, ReadBill

ROUNDS = 10
RACES = 20


@pytest.fixture(scope="module")
def card(purse) -> bytes:
    return b64.decode(purse["card"])


@pytest.fixture(scope="module")
def books(portal) -> Iterator[Books]:
    books = Books(portal)
    yield books
    books.close()


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10) as http:
        yield http


@pytest.fixture
def leave(till, relay):
    """Return a function that rings up an amount and leaves the bill at the relay."""

    def leave(amount, *, order, slot):
        eventually(lambda: relay.order_in(slot) in ("", order), within_s=10)
        tid = sell(till, amount, order=order, slot=relay.slot(slot))
        eventually(lambda: relay.holds(order), within_s=10)
        return tid

    return leave


@pytest.fixture
def read(relay, http):
    """Return a function that reads a slot as a phone does."""
    return lambda slot: purchases.read_bill(http=http, relay_url=relay.url, slot=slot)


def refusal(act, *args, **more):
    with pytest.raises(PortalRefused) as refused:
        act(*args, **more)
    return refused.value.code


def bring(phone, tid, card, *, bill):
    """Approve as a phone that brings any bytes for a bill."""
    claimed = phone.session.post(f"/wallet/payments/{tid}/claim").json()
    code = phone.pins.new(pin=checkout.PIN, subject=tid, card=card)
    consent = {
        "card": b64.encode(card),
        "merchant": claimed["merchant"]["id"],
        "amount": claimed["amount"],
        "currency": claimed["currency"],
        "counter": code.counter,
        "pin_code": code.code,
        "bill": b64.encode(bill),
    }
    return phone.session.post(f"/wallet/payments/{tid}/approve", body=consent)


def test_3_01_merchant_and_amount_are_read_back_unchanged(stall, stand, leave, read, phones, card):
    tid = leave(12_500, order="A-301", slot="one")

    held = read("one")

    assert (held.bill.merchant, held.bill.amount, held.bill.currency) == (
        stall.merchant,
        12_500,
        "KRW",
    )
    (kept,) = [sale for sale in stand.kept()["sales"] if sale["tid"] == tid]
    assert held.data == b64.decode(kept["bill"]["data"]), "what the terminal signed"
    paid = approve(phones[0], phones[0].purchases.claim_bill(held), card)
    assert paid.step is Step.PAID


def test_3_03_the_phone_speaks_to_relay_and_portal_alone(
    street, portal, till, relay, leave, phones, card
):
    tid = leave(4_300, order="A-303", slot="one")
    contacted = []
    hooks = {"request": [lambda asked: contacted.append(asked.url.port)]}
    with httpx.Client(timeout=10, event_hooks=hooks) as http:
        phone = street.over(phones[0], http)
        held = purchases.read_bill(http=http, relay_url=relay.url, slot="one")
        approve(phone, phone.purchases.claim_bill(held), card)

    assert set(contacted) == {httpx.URL(relay.url).port, portal.port}
    assert final(till, tid).display is Display.PAID


def test_3_04_read_before_its_end_and_not_at_it_and_refused_when_paid_late(
    stand, relay, phones, card, http
):
    made = stand.bill(2_000, relay=relay.device, expires=int(time.time()) + 4)
    assert relay.put("late", made.data).status_code == 201
    last_read, first_empty = 0.0, 0.0
    purchase = phones[0].purchases.claim_bill(ReadBill(data=made.data, bill=made.bill))
    while not first_empty:
        asked_at = time.time()
        try:
            held = purchases.read_bill(http=http, relay_url=relay.url, slot="late")
            assert held.data == made.data
            last_read = asked_at
        except BillUnreadable:
            first_empty = time.time()

    approve(phones[0], purchase, card)

    assert made.bill.expires - 1 <= last_read < made.bill.expires <= first_empty
    assert (purchase.step, purchase.reason) == (Step.REFUSED, "bill_expired")
    assert stand.look(made.tid)["state"] == "CLAIMED"


def test_3_05_a_restarted_relay_is_empty(relay, leave, read):
    leave(1_000, order="A-305", slot="five")
    device = relay.device

    relay.restart()

    assert (relay.device, relay.bills()) == (device, [])
    with pytest.raises(BillUnreadable):
        read("five")
    assert b"A-305" not in relay.state.read_bytes()


class TestAnAlteredAmount:
    """3.06: nothing is authorised, whoever alters it."""

    def test_3_06_is_refused_by_the_phone(self, stand, relay, phones):
        made = stand.bill(9_000, relay=relay.device)
        bill = replace(made.bill, amount=900)

        told = phones[0].purchases.claim_bill(
            ReadBill(data=bill.sign(key=SigningKey.generate()), bill=bill)
        )

        assert (told.step, told.reason) == (Step.REFUSED, "bill_differs")

    def test_3_06_is_refused_by_the_portal_with_an_alert(self, stand, relay, phones, card, books):
        made = stand.bill(9_000, relay=relay.device)
        altered = replace(made.bill, amount=900).sign(key=stand.identity.key)

        assert refusal(bring, phones[0], made.tid, card, bill=altered) == "bill_altered"

        assert [alert["kind"] for alert in books.alerts(subject=made.tid)] == ["bill_altered"]
        assert stand.look(made.tid)["state"] == "CLAIMED"
        assert books.moved_by(tid=made.tid) == []


def test_3_07_two_phones_in_parallel_are_one_approval(leave, read, phones, card, books):
    for number in range(ROUNDS):
        tid = leave(1_100, order=f"A-307-{number}", slot="two")
        held = read("two")

        def pay(phone, held=held):
            purchase = phone.purchases.claim_bill(held)
            return approve(phone, purchase, card) if purchase.step is Step.OPEN else purchase

        one, other = sorted(at_once(pay, phones), key=lambda told: told.step is not Step.PAID)

        assert one.step is Step.PAID
        assert other.reason in ("tid_claimed", "APPROVED")
        assert [move["code"] for move in books.moved_by(tid=tid)] == ["ONLINE_SALE"]


def test_3_08_a_newer_bill_voids_the_one_a_phone_holds(till, leave, read, phones, card):
    old = leave(5_000, order="A-308", slot="three")
    held = phones[0].purchases.claim_bill(read("three"))
    new = leave(5_500, order="A-308", slot="three")
    assert final(till, old).display is Display.CANCELLED

    approve(phones[0], held, card)

    assert (held.step, held.reason) == (Step.ENDED, "CANCELLED")
    newer = phones[0].purchases.claim_bill(read("three"))
    assert newer.tid == new
    assert approve(phones[0], newer, card).step is Step.PAID


class TestARelayThatIsNotTheTerminals:
    """3.09: revoked, unpaired and foreign are told apart; nothing is approved."""

    def test_3_09_unpaired_and_then_revoked(self, street, stall, stand, phones, card, till):
        other = checkout.enrolled_relay(street, stall)
        first, second = (stand.bill(1_000, relay=other) for _ in range(2))

        assert refusal(bring, phones[0], first.tid, card, bill=first.data) == "relay_unpaired"
        street.portal.manage("device_revoke", "--device", other)
        assert refusal(bring, phones[0], second.tid, card, bill=second.data) == "relay_revoked"

    def test_3_09_another_shops(self, street, stand, phones, card):
        other = checkout.enrolled_relay(street, street.shop("Tea House"))
        made = stand.bill(1_000, relay=other)

        refused = street.portal.refused(
            *("relay_pair", "--relay", other, "--terminal", stand.identity.device)
        )

        assert refused
        assert refusal(bring, phones[0], made.tid, card, bill=made.data) == "bill_foreign"

    def test_3_09_a_relay_takes_no_bill_of_a_terminal_it_is_not_paired_with(
        self, street, stall, relay, tmp_path
    ):
        stranger = checkout.stand(street, stall, folder=tmp_path)
        with stranger.on() as till:
            tid = till.sell(amount_minor=1_000, currency="KRW", show=str, slot=relay.slot("nine"))
            shown = final(till, tid)

        assert (shown.display, shown.reason) == (Display.CANCELLED, "relay_unpaired")


def test_3_10_a_cancel_against_an_approval_leaves_nothing_open(
    till, leave, read, phones, card, books
):
    ends = set()
    for number in range(RACES):
        tid = leave(1_700, order=f"A-310-{number}", slot="ten")
        purchase = phones[0].purchases.claim_bill(read("ten"))
        acts = [partial(till.cancel, tid), partial(approve, phones[0], purchase, card)]
        acts = acts[:: 1 if number % 2 else -1]

        at_once(lambda act: act(), acts, apart_s=number / RACES / 4)

        shown = final(till, tid)
        ends.add(shown.display)
        assert (purchase.step is Step.PAID) == (shown.display is Display.REVERSED)
        assert shown.display in (Display.CANCELLED, Display.REVERSED)
        assert books.net(tid=tid) == {}
    assert ends == {Display.CANCELLED, Display.REVERSED}, "each side has won"


def test_3_11_several_slots_give_the_order_asked_for_and_no_other(
    till, relay, leave, phones, card, http
):
    tids = {f"T-{n}": leave(1_000 + n, order=f"T-{n}", slot=f"table-{n}") for n in (1, 2, 3)}
    listed = purchases.list_bills(http=http, relay_url=relay.url)
    slot = next(entry["slot"] for entry in listed if entry["order"] == "T-2")

    held = purchases.read_bill(http=http, relay_url=relay.url, slot=slot)
    approve(phones[0], phones[0].purchases.claim_bill(held), card)

    assert (held.bill.order, held.bill.amount) == ("T-2", 1_002)
    assert final(till, tids["T-2"]).display is Display.PAID
    assert {till.show(tids[order]).display for order in ("T-1", "T-3")} == {Display.REQUESTED}
    eventually(lambda: not relay.holds("T-2"), within_s=10)
    assert relay.holds("T-1")
    assert relay.holds("T-3")


def test_3_12_a_till_that_was_off_shows_paid_when_it_is_back(street, stall, phones, card, tmp_path):
    stand = checkout.stand(street, stall, folder=tmp_path)
    with stand.on() as till:
        tid = sell(till, 8_800)
        eventually(lambda: stand.state(tid))

    assert buy(phones[0], tid, card).step is Step.PAID

    with stand.on() as till:
        shown = final(till, tid)
        assert (shown.display, len(shown.approval_code)) == (Display.PAID, 6)
