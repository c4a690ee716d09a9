"""A relay's memory: who may leave what, and for how long (mission 3, the relay alone)."""

from dataclasses import replace

import pytest

from config.wire.keys import SigningKey
from merchants.devices import relay as relays
from merchants.devices.relay import PairedTerminal, Relay
from merchants.wire import Bill, BillClear
from tests.devices.parties import NOON
from tests.devices.tills import MERCHANT, NUMBER, RELAY, TERMINAL, TILL_KEY

OTHER_KEY = SigningKey.from_secret(78)
TID = "T" + "0" * 22
END = NOON + 300

BILL = Bill(
    merchant=MERCHANT,
    terminal=NUMBER,
    tid=TID,
    amount=10_000,
    currency="KRW",
    order="A-12",
    nonce=bytes(16),
    expires=END,
    relay=RELAY,
)


def paired(number=NUMBER, key=TILL_KEY, merchant=MERCHANT):
    return PairedTerminal(device=TERMINAL, number=number, merchant=merchant, public_key=key.public)


def bill(key=TILL_KEY, **changes):
    return replace(BILL, **changes).sign(key=key)


def clearing(slot="1", key=TILL_KEY, nonce=bytes(16), device=RELAY):
    return BillClear(relay=device, slot=slot, nonce=nonce).sign(key=key)


@pytest.fixture
def relay():
    memory = Relay(device=RELAY, slots=3)
    memory.pair([paired(), paired(number=NUMBER + 1, key=OTHER_KEY)])
    return memory


def slots(relay, at=NOON):
    return [held.slot for held in relay.bills(at=at)]


class TestPut:
    def test_3_01_it_is_read_back_byte_for_byte(self, relay):
        data = bill()

        assert relay.put(slot="1", data=data, at=NOON) == END
        assert relay.read(slot="1", at=NOON) == data

    def test_3_04_read_a_second_before_its_end_and_not_at_it(self, relay):
        relay.put(slot="1", data=bill(), at=NOON)

        assert relay.read(slot="1", at=END - 1)
        with pytest.raises(relays.SlotEmpty):
            relay.read(slot="1", at=END)
        assert slots(relay, at=END) == []

    def test_3_05_a_new_relay_is_empty(self, relay):
        relay.put(slot="1", data=bill(), at=NOON)
        again = Relay(device=RELAY)

        assert slots(again) == []
        with pytest.raises(relays.SlotEmpty):
            again.read(slot="1", at=NOON)

    def test_3_11_the_slot_asked_for_and_no_other(self, relay):
        data = {slot: bill(order=slot) for slot in ("1", "2", "table-3")}
        for slot, one in data.items():
            relay.put(slot=slot, data=one, at=NOON)

        assert {slot: relay.read(slot=slot, at=NOON) for slot in data} == data
        with pytest.raises(relays.SlotEmpty):
            relay.read(slot="3", at=NOON)

    def test_the_same_bytes_again_are_the_same_act(self, relay):
        assert relay.put(slot="1", data=bill(), at=NOON) == END
        assert relay.put(slot="1", data=bill(), at=NOON) == END

    def test_the_same_order_replaces_and_the_older_never_comes_back(self, relay):
        older, newer = bill(), bill(amount=9_000, nonce=bytes(15) + b"1")
        relay.put(slot="1", data=older, at=NOON)
        relay.put(slot="1", data=newer, at=NOON)

        assert relay.read(slot="1", at=NOON) == newer
        with pytest.raises(relays.BillVoided):
            relay.put(slot="1", data=older, at=NOON)

    def test_another_order_does_not(self, relay):
        relay.put(slot="1", data=bill(), at=NOON)

        with pytest.raises(relays.SlotTaken):
            relay.put(slot="1", data=bill(order="B-7"), at=NOON)
        assert relay.read(slot="1", at=NOON) == bill()

    def test_nor_another_terminal_with_the_same_order(self, relay):
        """Only the terminal that asked for a payment can cancel it."""
        relay.put(slot="1", data=bill(), at=NOON)

        with pytest.raises(relays.SlotTaken):
            relay.put(slot="1", data=bill(key=OTHER_KEY, terminal=NUMBER + 1), at=NOON)

    def test_an_expired_one_is_in_nobodys_way(self, relay):
        relay.put(slot="1", data=bill(), at=NOON)
        relay.put(slot="1", data=bill(order="B-7", expires=END + 300), at=END)

        assert slots(relay, at=END) == ["1"]

    def test_full_is_refused_and_nothing_is_dropped(self, relay):
        for slot in "123":
            relay.put(slot=slot, data=bill(order=slot), at=NOON)
        with pytest.raises(relays.RelayFull):
            relay.put(slot="4", data=bill(order="4"), at=NOON)

        assert slots(relay) == ["1", "2", "3"]
        relay.put(slot="4", data=bill(order="4", expires=END + 1), at=END)

    @pytest.mark.parametrize("slot", ["", "a" * 17, "a_b", "a/b", "é", "1 "])
    def test_a_slot_has_a_plain_name(self, relay, slot):
        with pytest.raises(relays.SlotUnnamed):
            relay.put(slot=slot, data=bill(), at=NOON)


class TestProof:
    def test_an_unpaired_terminal_is_refused(self, relay):
        with pytest.raises(relays.NotPaired):
            relay.put(slot="1", data=bill(terminal=NUMBER + 2), at=NOON)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\xd2",
            bill()[:-1],
            bill(key=OTHER_KEY),
            bill(merchant="MER-2"),
            bill(relay="DEV-OTHER"),
            bill(expires=NOON + 2 * relays.AHEAD_MAX_S),
            clearing(),
        ],
        ids=["empty", "cut", "short", "key", "merchant", "relay", "far ahead", "clearing"],
    )
    def test_what_is_no_bill_of_its_terminal_is_refused(self, relay, data):
        with pytest.raises(relays.BillInvalid):
            relay.put(slot="1", data=data, at=NOON)
        assert slots(relay) == []

    def test_every_byte_of_a_bill_counts(self, relay):
        whole = bill()
        for at in range(len(whole)):
            bent = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
            with pytest.raises(relays.RelayRefused):
                relay.put(slot="1", data=bent, at=NOON)

    def test_control_a_relay_that_checks_no_signature_takes_a_strangers_bill(
        self, relay, monkeypatch
    ):
        """The deliberate break: the bill is read, and not verified."""

        def believed(data, *, public_key):
            return Bill.peek(data)

        monkeypatch.setattr(Bill, "open", believed)

        assert relay.put(slot="1", data=bill(key=OTHER_KEY), at=NOON) == END

    def test_an_expired_bill_is_not_taken(self, relay):
        with pytest.raises(relays.BillExpired):
            relay.put(slot="1", data=bill(), at=END)

    def test_bills_of_a_terminal_that_is_no_longer_paired_go(self, relay):
        relay.put(slot="1", data=bill(), at=NOON)
        relay.put(slot="2", data=bill(key=OTHER_KEY, terminal=NUMBER + 1), at=NOON)
        relay.pair([paired()])

        assert slots(relay) == ["1"]
        relay.pair([paired(key=OTHER_KEY)])
        assert slots(relay) == [], "the number is another device's now"


class TestClear:
    def test_the_terminal_empties_its_slot_and_the_bill_stays_away(self, relay):
        relay.put(slot="1", data=bill(), at=NOON)
        relay.clear(slot="1", data=clearing(), at=NOON)

        assert slots(relay) == []
        with pytest.raises(relays.BillVoided):
            relay.put(slot="1", data=bill(), at=NOON)

    def test_once_more_is_no_harm(self, relay):
        relay.clear(slot="1", data=clearing(), at=NOON)
        relay.clear(slot="1", data=clearing(), at=NOON)

    def test_an_old_clearing_played_again_clears_nothing(self, relay):
        relay.put(slot="1", data=bill(), at=NOON)
        relay.clear(slot="1", data=clearing(), at=NOON)
        relay.put(slot="1", data=bill(order="B-7"), at=NOON)
        with pytest.raises(relays.ClearReplayed):
            relay.clear(slot="1", data=clearing(), at=NOON)

        relay.clear(slot="1", data=clearing(nonce=b"1" * 16), at=NOON)
        assert slots(relay) == []

    @pytest.mark.parametrize(
        "data",
        [b"", bill(), clearing(slot="2"), clearing(device="DEV-OTHER"), clearing()[:-1]],
        ids=["empty", "bill", "slot", "relay", "short"],
    )
    def test_what_is_no_clearing_of_this_slot_is_refused(self, relay, data):
        relay.put(slot="1", data=bill(), at=NOON)
        with pytest.raises(relays.BillInvalid):
            relay.clear(slot="1", data=data, at=NOON)
        assert slots(relay) == ["1"]

    def test_others_may_not(self, relay):
        relay.put(slot="1", data=bill(), at=NOON)

        with pytest.raises(relays.SlotTaken):
            relay.clear(slot="1", data=clearing(key=OTHER_KEY), at=NOON)
        with pytest.raises(relays.NotPaired):
            relay.clear(slot="1", data=clearing(key=SigningKey.from_secret(79)), at=NOON)
        assert slots(relay) == ["1"]


def test_what_is_remembered_of_the_past_is_bounded(relay, monkeypatch):
    monkeypatch.setattr(relays, "_SEEN_MAX", 5)
    for number in range(20):
        relay.clear(slot="1", data=clearing(nonce=number.to_bytes(16)), at=NOON)

    assert len(relay._voided) == 5
