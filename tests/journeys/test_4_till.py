"""Paying at the till with one's own phone, by T-ID and through a relay (mission 3 and 4)."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from merchants.devices import notices
from tests.journeys.street import PIN, Handset, Shop, Street
from tests.journeys.tills import DeafTill, Desk, TableRelay, desk, relay_of
from tests.journeys.waiting import eventually
from wallets.devices.purchase import Purchase
from wallets.devices.purchase_words import Step
from wallets.devices.purchases import BillUnreadable, list_bills, read_bill

AMOUNT = 12_000
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tills and tables")


@pytest.fixture(scope="module")
def till(street: Street, shop: Shop, folder: Path) -> Iterator[Desk]:
    with desk(street, shop, folder=folder) as on_the_counter:
        yield on_the_counter


@pytest.fixture(scope="module")
def relay(street: Street, shop: Shop, till: Desk, folder: Path) -> Iterator[TableRelay]:
    with relay_of(shop, street, folder=folder) as on_the_table:
        street.portal.manage(
            "relay_pair", "--relay", on_the_table.device, "--terminal", till.device
        )
        yield on_the_table


@pytest.fixture(scope="module")
def payer(street: Street) -> tuple[Handset, bytes]:
    """A phone with a card whose money is enough for this file."""
    customer = street.customer("Park Jin")
    handset = street.handset(customer)
    return handset, handset.take(street.card(customer, balance=5_000_000)["card"])


def pay(payer: tuple[Handset, bytes], purchase: Purchase, *, pin: str = PIN) -> Purchase:
    handset, card = payer
    return handset.purchases.approve(purchase, card=card, pin=pin)


def test_a_customer_scans_sees_who_asks_and_pays(till: Desk, payer: tuple[Handset, bytes]) -> None:
    tid = till.sell(AMOUNT, order="A-1")
    purchase = payer[0].purchases.claim(tid)
    assert purchase.claimed is not None
    assert purchase.claimed.merchant == till.shop.merchant
    assert (purchase.claimed.amount, purchase.claimed.order) == (AMOUNT, "A-1")

    pay(payer, purchase)
    assert purchase.step is Step.PAID, purchase.reason
    assert till.display(tid, "paid") == "paid"
    assert till.till.show(tid).approval_code == purchase.approval_code


def test_4_11_what_the_customer_declines_is_shown_with_its_reason(
    till: Desk, payer: tuple[Handset, bytes]
) -> None:
    tid = till.sell(AMOUNT)
    payer[0].purchases.decline(payer[0].purchases.claim(tid))

    assert till.display(tid, "declined") == "declined"
    eventually(lambda: till.till.show(tid).reason == "customer_declined")


def test_a_wrong_pin_changes_nothing(till: Desk, payer: tuple[Handset, bytes]) -> None:
    tid = till.sell(AMOUNT)
    purchase = pay(payer, payer[0].purchases.claim(tid), pin="000000")
    assert (purchase.step, purchase.reason) == (Step.OPEN, "pin_code_invalid")

    assert pay(payer, purchase).step is Step.PAID
    assert till.display(tid, "paid") == "paid"


def test_a_paid_one_taken_back_is_reversed_on_the_screen(
    till: Desk, payer: tuple[Handset, bytes]
) -> None:
    tid = till.sell(AMOUNT)
    pay(payer, payer[0].purchases.claim(tid))
    assert till.display(tid, "paid") == "paid"
    till.till.cancel(tid)

    assert till.display(tid, "reversed") == "reversed"


def test_4_08_phone_first_the_request_three_seconds_later(
    till: Desk, payer: tuple[Handset, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, submit = [], till.till._calls.submit

    def later(*what: object) -> None:
        threading.Timer(3, submit, what).start()

    monkeypatch.setattr(till.till._calls, "submit", later)
    tid = till.sell(AMOUNT)
    monkeypatch.undo()
    purchase = payer[0].purchases.claim(tid, tell=lambda one: steps.append(one.step))

    assert Step.WAITING in steps
    assert pay(payer, purchase).step is Step.PAID


def test_4_08_no_request_at_all_is_a_clean_error(payer: tuple[Handset, bytes], till: Desk) -> None:
    began = time.monotonic()
    purchase = payer[0].purchases.claim("T" + "0" * 22)

    assert (purchase.step, purchase.reason) == (Step.REFUSED, "tid_unknown")
    assert 10 <= time.monotonic() - began < 20


def test_4_06_without_any_datagram_https_tells(
    street: Street,
    shop: Shop,
    folder: Path,
    payer: tuple[Handset, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shorter = {kind: [wait_s / 10 for wait_s in waits] for kind, waits in notices.RETRY_S.items()}
    monkeypatch.setattr(notices, "RETRY_S", shorter)
    with desk(street, shop, folder=folder, kind=DeafTill) as deaf:
        tid = deaf.sell(AMOUNT)
        purchase = pay(payer, payer[0].purchases.claim(tid))
        assert purchase.step is Step.PAID

        assert deaf.display(tid, "paid", within_s=60) == "paid"
        assert "checking" in {str(one.display) for one in deaf.history}


def test_3_12_a_till_that_was_off_shows_paid_when_it_is_back(
    till: Desk, payer: tuple[Handset, bytes]
) -> None:
    tid = till.sell(AMOUNT)
    purchase = payer[0].purchases.claim(tid)
    till.till.__exit__()
    pay(payer, purchase)
    till.switch_on()

    assert till.display(tid, "paid") == "paid"


def test_3_03_paid_at_the_table_without_a_word_to_the_till(
    till: Desk, relay: TableRelay, street: Street, payer: tuple[Handset, bytes]
) -> None:
    tid = till.sell(AMOUNT, order="T-1", slot=relay.slot())
    (listed,) = eventually(lambda: list_bills(http=street.http, relay_url=relay.url))
    assert (listed["slot"], listed["order"]) == ("table-1", "T-1")
    read = read_bill(http=street.http, relay_url=relay.url, slot="table-1")
    assert (read.bill.tid, read.bill.amount) == (tid, AMOUNT)
    purchase = pay(payer, payer[0].purchases.claim_bill(read))

    assert purchase.step is Step.PAID, purchase.reason
    assert till.display(tid, "paid") == "paid"
    eventually(lambda: not list_bills(http=street.http, relay_url=relay.url))


def test_3_08_a_replaced_bill_is_void_even_on_a_phone(
    till: Desk, relay: TableRelay, street: Street, payer: tuple[Handset, bytes]
) -> None:
    older = till.sell(AMOUNT, order="T-2", slot=relay.slot("table-2"))
    eventually(lambda: list_bills(http=street.http, relay_url=relay.url))
    read = read_bill(http=street.http, relay_url=relay.url, slot="table-2")
    held = payer[0].purchases.claim_bill(read)
    newer = till.sell(AMOUNT - 1_000, order="T-2", slot=relay.slot("table-2"))
    assert till.display(older, "cancelled") == "cancelled"

    assert pay(payer, held).step is not Step.PAID
    eventually(lambda: _tid_at(street, relay, "table-2") == newer)
    till.till.cancel(newer)
    assert till.display(newer, "cancelled") == "cancelled"


def _tid_at(street: Street, relay: TableRelay, slot: str) -> str:
    try:
        return read_bill(http=street.http, relay_url=relay.url, slot=slot).bill.tid
    except BillUnreadable:
        return ""


def test_3_06_an_altered_bill_is_refused_by_phone_and_portal(
    till: Desk, relay: TableRelay, street: Street, payer: tuple[Handset, bytes]
) -> None:
    tid = till.sell(AMOUNT, order="T-3", slot=relay.slot("table-3"))
    eventually(lambda: _tid_at(street, relay, "table-3") == tid)
    read = read_bill(http=street.http, relay_url=relay.url, slot="table-3")
    bent = replace(read, data=read.data[:-1] + bytes([read.data[-1] ^ 1]))
    purchase = payer[0].purchases.claim_bill(bent)
    assert purchase.step is Step.OPEN, "what it says is what the portal says"

    pay(payer, purchase)
    assert purchase.reason == "bill_altered"
    assert till.display(tid, "opened", "requested") != "paid"
    till.till.cancel(tid)


def test_3_09_a_terminal_that_is_not_paired_leaves_nothing(
    street: Street, shop: Shop, folder: Path, relay: TableRelay
) -> None:
    with desk(street, shop, folder=folder) as stranger:
        tid = stranger.sell(AMOUNT, order="X-1", slot=relay.slot("table-9"))

        assert stranger.display(tid, "cancelled") == "cancelled"
        assert stranger.till.show(tid).reason == "relay_unpaired"
    assert _tid_at(street, relay, "table-9") == ""


def test_3_02_the_relay_keeps_no_byte_of_a_bill(relay: TableRelay, folder: Path) -> None:
    assert httpx.get(f"{relay.url}/healthz").json() == {"device": relay.device}

    kept = json.loads((folder / "relay.json").read_text())
    assert set(kept) == {"device", "key"}
