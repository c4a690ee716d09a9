"""A terminal's bills at a relay: left, replaced, cleared (mission 3)."""

import hashlib

import pytest

from config.wire import b64
from merchants.devices.bills import Slot
from merchants.devices.relay import PairedTerminal, Relay, RelayRefused
from merchants.devices.sale_facts import CallKind
from merchants.wire import Bill, BillClear
from merchants.wire.datagram import DatagramState
from tests.devices.parties import NOON
from tests.devices.tills import (
    LIFE_S,
    MERCHANT,
    NUMBER,
    RELAY,
    TABLE,
    TERMINAL,
    TILL_KEY,
    Counter,
    TillDisk,
    terminal,
    terminal_again,
)


@pytest.fixture
def disk():
    return TillDisk()


@pytest.fixture
def till(disk):
    return terminal(disk)


@pytest.fixture
def relay():
    memory = Relay(device=RELAY)
    memory.pair(
        [
            PairedTerminal(
                device=TERMINAL, number=NUMBER, merchant=MERCHANT, public_key=TILL_KEY.public
            )
        ]
    )
    return memory


def carry(sale, relay):
    """Carry the till's relay calls to the relay and its answers back, until there is none."""
    while sale.relay_calls:
        (call,) = sale.relay_calls
        act = relay.put if call.method == "PUT" else relay.clear
        try:
            act(slot=call.slot.name, data=call.body, at=sale.at)
        except RelayRefused as refused:
            sale.effects = sale.till.relay_refused(call, code=refused.code, at=sale.at)
        else:
            sale.effects = sale.till.relay_consented(call, at=sale.at)
    return sale


def leave(till, relay, *, order="A-12", slot=TABLE, amount=10_000):
    """Sell through the relay; the portal accepts."""
    sale = Counter(till, amount=amount).sell(order=order, slot=slot)
    request, others = sale.call(), sale.relay_calls
    sale.answered(request)
    sale.effects += others
    return carry(sale, relay)


def test_3_01_the_bill_names_merchant_and_amount_and_is_read_unchanged(till, relay):
    sale = Counter(till).sell(order="A-12", slot=TABLE)
    (left,) = sale.relay_calls
    carry(sale, relay)
    data = relay.read(slot=TABLE.name, at=NOON)

    assert data == left.body
    bill = Bill.open(data, public_key=TILL_KEY.public)
    assert (bill.merchant, bill.amount, bill.currency) == (MERCHANT, 10_000, "KRW")
    assert (bill.tid, bill.order, bill.relay) == (sale.tid, "A-12", RELAY)
    assert bill.expires == NOON + LIFE_S


def test_its_digest_is_registered_with_the_payment_at_the_same_time(till):
    sale = Counter(till).sell(order="A-12", slot=TABLE)
    (left,) = sale.relay_calls

    digest = b64.encode(hashlib.sha256(left.body).digest())
    assert sale.call().body["bill_digest"] == digest
    assert sale.call().body["order"] == "A-12"


def test_the_slot_is_cleared_once_the_payment_has_ended(till, relay):
    sale = leave(till, relay)
    sale.result(DatagramState.APPROVED)
    (clear,) = sale.relay_calls

    order = BillClear.open(clear.body, public_key=TILL_KEY.public)
    assert (order.relay, order.slot) == (RELAY, TABLE.name)
    carry(sale, relay)
    assert relay.bills(at=NOON) == []
    assert sale.wait(60).effects == []


def test_a_relay_out_of_reach_is_asked_again_with_the_same_bytes(till):
    sale = Counter(till).sell(order="A-12", slot=TABLE)
    (first,) = sale.relay_calls
    sale.effects = sale.till.unreachable(first, at=NOON)
    assert sale.relay_calls == []

    assert sale.wait(1).relay_calls == [first]


def test_a_relay_that_never_answers_is_left_alone_once_the_bill_is_over(till):
    sale = Counter(till).sell(order="A-12", slot=TABLE)
    while sale.relay_calls or sale.at < NOON + LIFE_S:
        for call in sale.relay_calls:
            sale.till.unreachable(call, at=sale.at)
        sale.wait(1)

    assert sale.wait(60).relay_calls == []


def test_3_08_a_bill_of_the_same_order_voids_the_older_one(till, relay):
    older = leave(till, relay)
    newer = Counter(till, amount=9_000).sell(order="A-12", slot=TABLE)
    cancel = next(call for call in newer.calls if call.kind is CallKind.CANCEL)

    assert cancel.tid == older.tid
    assert older.display == "checking"
    older.answered(cancel, state="CANCELLED")
    assert (older.display, older.shown.reason) == ("cancelled", "replaced")
    carry(newer, relay)
    assert Bill.peek(relay.read(slot=TABLE.name, at=NOON)).tid == newer.tid


def test_the_older_ones_end_does_not_clear_the_newer_bill(till, relay):
    older = leave(till, relay)
    newer = leave(till, relay, amount=9_000)
    older.result(DatagramState.CANCELLED)

    assert older.relay_calls == []
    assert Bill.peek(relay.read(slot=TABLE.name, at=NOON)).tid == newer.tid


def test_another_order_in_the_slot_is_refused_and_its_payment_cancelled(till, relay):
    first = leave(till, relay)
    second = Counter(till).sell(order="B-7", slot=TABLE)
    request = second.call()
    carry(second, relay)
    assert second.display == "checking"
    second.answered(request)
    second.answered(second.call(), state="CANCELLED")

    assert (second.display, second.shown.reason) == ("cancelled", "slot_taken")
    assert first.display == "requested"


def test_a_new_bill_waits_for_the_clearing_before_it(till, relay):
    """A clearing still on its way would empty the slot of the newer bill."""
    first = leave(till, relay)
    first.result(DatagramState.APPROVED)
    (clear,) = first.relay_calls
    second = Counter(till).sell(order="B-7", slot=TABLE)
    assert second.relay_calls == []

    relay.clear(slot=TABLE.name, data=clear.body, at=NOON)
    second.effects = till.relay_consented(clear, at=NOON)
    carry(second, relay)
    assert Bill.peek(relay.read(slot=TABLE.name, at=NOON)).order == "B-7"


def test_slots_do_not_mind_each_other(till, relay):
    leave(till, relay)
    leave(till, relay, slot=Slot(relay=RELAY, url=TABLE.url, name="table-2"))

    assert [held.slot for held in relay.bills(at=NOON)] == ["table-1", "table-2"]


def test_after_a_restart_the_bill_is_sent_again_and_cleared(disk, till, relay):
    sale = Counter(till).sell(order="A-12", slot=TABLE)
    (first,) = sale.relay_calls
    sale.till = terminal_again(disk)
    sale.effects = sale.till.tick(at=NOON)
    assert sale.relay_calls == [first]

    sale.answered(sale.call(), state="EXPIRED")
    sale.effects = sale.till.relay_consented(first, at=NOON)
    assert sale.relay_calls[0].method == "DELETE"
