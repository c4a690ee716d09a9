"""Mission §4: T-IDs between till, phone and portal, and results over UDP (4.01 to 4.15)."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from config.wire import b64
from merchants.devices.sale_facts import Display
from merchants.wire.datagram import Datagram, DatagramKind, DatagramState
from settlement.simulation.router import Router
from tests.journeys import checkout
from tests.journeys.books import Books
from tests.journeys.checkout import Wire, approve, buy, final, sell
from tests.journeys.meeting import at_once
from tests.journeys.waiting import eventually
from wallets.devices.purchase_words import Step

ROUNDS = 10
RACES = 20
HASTE = 8  # how much faster a till's clock runs where a test would wait long
KNOWN = 0.3  # seconds in which a T-ID made here is known to everybody here


@pytest.fixture(scope="module")
def card(purse) -> bytes:
    return b64.decode(purse["card"])


@pytest.fixture(scope="module")
def phone(phones):
    return phones[0]


@pytest.fixture(scope="module")
def books(portal) -> Iterator[Books]:
    with closing(Books(portal)) as books:
        yield books


@pytest.fixture(scope="module", autouse=True)
def unheard(stand, phone, card) -> Iterator[str]:
    """A payment whose result nobody acknowledges, begun first: its repetitions take their time."""
    with closing(Wire(stand)) as wire:
        tid = stand.new_tid(5_500)
        stand.ask(tid, 5_500)
        wire.register(tid)
        assert buy(phone, tid, card).step is Step.PAID
        yield tid


@pytest.fixture
def wire(stand) -> Iterator[Wire]:
    with closing(Wire(stand)) as wire:
        yield wire


@pytest.fixture
def passed(stand):
    """A router in front of the server, and all that passed it: ``(router, datagrams)``."""
    seen = []
    with Router(server=stand.rns, note=seen.append) as router:
        yield router, seen


def kinds(seen) -> list[str]:
    return [DatagramKind(passing.data[3]).name for passing in seen]


class TestBothAtOnce:
    """4.01, 4.02, 4.03: neither the phone nor the portal waits for the other; then REGISTER."""

    def test_4_01_the_phone_has_the_tid_while_the_portal_is_paused(self, portal, till, phone, card):
        shown = []
        with portal.stopped("web"):
            began = time.monotonic()
            tid = till.sell(amount_minor=3_000, currency="KRW", show=shown.append)
            took_s = time.monotonic() - began
            assert till.show(tid).display is Display.REQUESTED

        assert (shown, took_s < KNOWN * 5) == ([tid], True)
        assert buy(phone, tid, card).step is Step.PAID
        assert final(till, tid).display is Display.PAID

    def test_4_02_the_request_leaves_while_the_customer_still_takes_the_tid(self, till, stand):
        there = []

        def show(tid):
            there.append(eventually(lambda: stand.state(tid), within_s=10))

        till.sell(amount_minor=3_100, currency="KRW", show=show)

        assert there == ["REQUESTED"]

    def test_4_03_register_is_sent_only_after_the_response_and_answered(
        self, portal, stand, passed
    ):
        router, seen = passed
        with stand.on(rns=router.address) as till:
            with portal.stopped("web"):
                till.sell(amount_minor=3_200, currency="KRW", show=str)
                time.sleep(KNOWN)
                assert seen == [], "nothing leaves before the answer"
            eventually(lambda: len(seen) >= 2, within_s=10)

        assert kinds(seen)[:2] == ["REGISTER", "REGISTERED"]


def test_4_04_the_result_comes_by_udp_to_where_register_came_from(stand, wire, phone, card):
    tid = stand.new_tid(4_400)
    stand.ask(tid, 4_400)
    assert wire.register(tid).state is DatagramState.REQUESTED

    paid = buy(phone, tid, card)

    told = wire.result(tid)
    assert (told.state, told.amount, told.approval) == (
        DatagramState.APPROVED,
        4_400,
        paid.approval_code,
    )
    eventually(lambda: stand.look(tid)["delivery"] == "DELIVERED")


def test_4_06_with_every_datagram_dropped_https_tells_the_result(stand, passed, phone, card):
    router, seen = passed
    router.weather = checkout.NOTHING_PASSES
    began = time.time()
    with stand.on(rns=router.address, clock=lambda: began + (time.time() - began) * HASTE) as till:
        tid = sell(till, 4_600)
        assert buy(phone, tid, card).step is Step.PAID

        assert final(till, tid).display is Display.PAID

    assert seen
    assert all(passing.is_lost for passing in seen)


class TestWhatAStrangerSends:
    """4.07: nothing of it changes what the till shows or what the portal has."""

    def test_4_07_before_the_payment(self, stand, passed, phone, card):
        router, seen = passed
        with stand.on(rns=router.address) as till:
            tid = sell(till, 4_700)
            eventually(lambda: len(seen) >= 2)
            throw_all(router, seen, forged(stand, tid))

            assert till.show(tid).display is Display.REQUESTED
            assert stand.look(tid)["state"] == "REQUESTED"

            assert buy(phone, tid, card).step is Step.PAID
            assert final(till, tid).display is Display.PAID

    def test_4_07_after_it(self, stand, passed, phone, card):
        router, seen = passed
        with stand.on(rns=router.address) as till:
            tid = sell(till, 4_710)
            eventually(lambda: len(seen) >= 2)
            code = buy(phone, tid, card).approval_code
            final(till, tid)
            eventually(lambda: stand.look(tid)["delivery"] == "DELIVERED")

            throw_all(router, seen[::-1], forged(stand, tid, state=DatagramState.CANCELLED))

            shown = till.show(tid)
            assert (shown.display, shown.approval_code) == (Display.PAID, code)
            assert stand.look(tid)["delivery"] == "DELIVERED"


def forged(stand, tid, *, state=DatagramState.APPROVED):
    """Return a result as a stranger makes it who knows all but the secret."""
    return Datagram(
        kind=DatagramKind.RESULT,
        terminal=stand.identity.number,
        nonce=bytes(8),
        ms=int(time.time() * 1000),
        tid=tid,
        state=state,
        amount=4_700,
        currency="KRW",
        approval="A1B2C3",
        number=99,
    ).encode(b"stranger" * 4)


def throw_all(router, seen, forged):
    """Send everything again both ways, also cut, bent and too long, and what was forged."""
    for passing in list(seen):
        bent = bytes([*passing.data[:24], passing.data[24] ^ 6, *passing.data[25:]])
        for data in (passing.data, passing.data[:100], bent, passing.data + b"\0", forged):
            router.throw(data, is_out=True)
            router.throw(data, is_out=False)
    time.sleep(KNOWN)  # nothing is to happen: there is nothing to wait for


class TestThePhoneFirst:
    """4.08: it waits for a request that follows; without one it says so cleanly."""

    def test_4_08_a_request_3_seconds_later_is_paid(self, stand, phone, card):
        tid, steps = stand.new_tid(4_800), []
        with ThreadPoolExecutor() as pool:
            claiming = pool.submit(
                phone.purchases.claim, tid, tell=lambda purchase: steps.append(purchase.step)
            )
            time.sleep(3)
            stand.ask(tid, 4_800)
            purchase = claiming.result(timeout=15)

        assert steps[0] is Step.WAITING
        assert approve(phone, purchase, card).step is Step.PAID

    def test_4_08_no_request_within_the_hold_is_a_clean_error(self, street, stand, phones):
        hasty = street.hasty(phones[1], HASTE / 4)

        told = hasty.purchases.claim(stand.new_tid(4_810))

        assert (told.step, told.reason) == (Step.REFUSED, "tid_unknown")


def test_4_10_of_two_phones_one_claims(till, phones, card):
    for _ in range(ROUNDS):
        tid = sell(till, 1_010)

        told = at_once(lambda phone, tid=tid: phone.purchases.claim(tid), phones)

        assert {one.step for one in told} == {Step.OPEN, Step.REFUSED}
        assert {one.reason for one in told} == {"", "tid_claimed"}


class TestEveryEnd:
    """4.11: expiry, cancel and decline are told as an approval is."""

    @pytest.fixture
    def tid(self, stand, wire):
        tid = stand.new_tid(5_000)
        stand.ask(tid, 5_000)
        wire.register(tid)
        return tid

    def told(self, stand, wire, tid):
        state = wire.result(tid).state.name
        assert state == stand.look(tid)["state"]
        eventually(lambda: stand.look(tid)["delivery"] == "DELIVERED")
        return state

    def test_4_11_expiry(self, stand, wire, tid, books):
        books.let_expire(tid=tid)

        assert self.told(stand, wire, tid) == "EXPIRED"

    def test_4_11_cancel(self, stand, wire, tid):
        stand.session.post(f"/terminal/payments/{tid}/cancel")

        assert self.told(stand, wire, tid) == "CANCELLED"

    def test_4_11_decline(self, stand, wire, tid, phone):
        phone.purchases.decline(phone.purchases.claim(tid))

        assert self.told(stand, wire, tid) == "DECLINED"


def test_4_12_a_cancel_against_an_approval_nets_to_nothing(till, phone, card, books):
    before = phone.at_the_portal(b64.encode(card))["available"]
    ends = set()
    for number in range(RACES):
        tid = sell(till, 1_200)
        purchase = phone.purchases.claim(tid)
        acts = [partial(till.cancel, tid), partial(approve, phone, purchase, card)]

        at_once(lambda act: act(), acts[:: 1 if number % 2 else -1], apart_s=number / RACES / 4)

        ends.add(final(till, tid).display)
        assert books.net(tid=tid) == {}
    assert ends == {Display.CANCELLED, Display.REVERSED}, "each side has won"
    assert phone.at_the_portal(b64.encode(card))["available"] == before


def test_4_13_three_open_tids_end_each_under_its_own_bill(till, phone, card):
    first, second, third = (sell(till, 1_300 + n, order=f"B-{n}") for n in (1, 2, 3))

    phone.purchases.decline(phone.purchases.claim(third))
    buy(phone, second, card)
    till.cancel(first)

    shown = [final(till, tid) for tid in (first, second, third)]
    assert [(one.order, one.amount_minor, one.display) for one in shown] == [
        ("B-1", 1_301, Display.CANCELLED),
        ("B-2", 1_302, Display.PAID),
        ("B-3", 1_303, Display.DECLINED),
    ]
    assert shown[2].reason in ("", "customer_declined")


def test_4_14_a_server_killed_between_approval_and_delivery_still_delivers(
    portal, stand, wire, phone, card
):
    tid = stand.new_tid(5_400)
    stand.ask(tid, 5_400)
    wire.register(tid)
    with portal.stopped("rns"):
        assert buy(phone, tid, card).step is Step.PAID
        portal.kill("rns")

    told = wire.result(tid)

    assert told.state is DatagramState.APPROVED
    eventually(lambda: stand.look(tid)["delivery"] == "DELIVERED")


def test_4_15_reconciliation_lists_what_was_approved_and_never_acknowledged(
    portal, stand, till, phone, card, unheard
):
    heard = sell(till, 5_600)
    buy(phone, heard, card)
    eventually(lambda: stand.look(heard)["delivery"] == "DELIVERED")
    eventually(lambda: stand.look(unheard)["delivery"] == "UNDELIVERED", within_s=60)
    today = datetime.now(ZoneInfo("Asia/Seoul")).date()

    told = portal.manage("reconcile", "--date", today.isoformat())

    listed = {entry["tid"] for entry in told["undelivered"]}
    assert unheard in listed
    assert heard not in listed
