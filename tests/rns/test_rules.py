"""The server's rules without sockets, database or clock: paces, memory, gaps, one T-ID's course."""

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from merchants.models import ResultNotification
from merchants.rules import results
from merchants.rules.gaps import MOST, WAIT_S, Gaps
from merchants.rules.journal import OUT, Journal
from merchants.rules.paces import Networks, Pace, network_of
from merchants.rules.results import Acknowledgement, Register
from merchants.rules.statuses import TID_FIELD, Status, StatusMap
from merchants.wire.datagram import Datagram, DatagramKind

NOON = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
TID = "T000C1S0000700009WHN32C"


class TestPaces:
    def test_a_burst_passes_and_then_the_even_rate(self):
        networks = Networks(pace=Pace.of(per_s=8, burst=16))

        passed = [networks.charge(address="192.0.2.1", at=1.0) for _ in range(30)]
        later = [networks.charge(address="192.0.2.1", at=1.5) for _ in range(9)]

        assert sum(passed) == 17
        assert sum(later) == 4

    def test_a_network_is_barred_until_its_next_is_due(self):
        networks = Networks(pace=Pace.of(per_s=10, burst=1))
        for _ in range(5):
            networks.charge(address="192.0.2.1", at=1.0)

        assert networks.is_barred(address="192.0.2.200", at=1.05)
        assert not networks.is_barred(address="192.0.3.1", at=1.05)
        assert not networks.is_barred(address="192.0.2.1", at=1.11)
        assert not networks.barred

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("192.0.2.1", "192.0.2.254", True),
            ("192.0.2.1", "192.0.20.1", False),
            ("2001:db8:0:aa00::1", "2001:db8:0:aaff::2", True),
            ("2001:db8:0:aa00::1", "2001:db8:0:ab00::1", False),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.9", True),
            ("::ffff:192.0.2.1", "::ffff:192.0.3.1", False),
            ("fe80::1%eth0", "fe80::2", True),
        ],
    )
    def test_a_network_is_24_bits_or_56(self, one, other, same):
        assert (network_of(one) == network_of(other)) is same

    def test_many_networks_take_no_more_memory_than_some(self):
        networks = Networks(pace=Pace.of(per_s=1, burst=5), most=100)

        for number in range(1000):
            networks.charge(address=f"10.{number // 256}.{number % 256}.1", at=1.0)

        assert len(networks._due_at) <= 101


def status(state, tid=TID):
    return Status(
        tid=tid, number=12345, state=state, amount_minor=100, currency="KRW", approval_code=""
    )


def field_of(tid=TID):
    query = Datagram(kind=DatagramKind.QUERY, terminal=1, nonce=bytes(8), ms=1, tid=tid)
    return query.encode(bytes(32))[TID_FIELD]


class TestMemory:
    @given(st.permutations(["REQUESTED", "CLAIMED", "APPROVING", "APPROVED", "REVERSED"]))
    def test_in_whatever_order_it_hears_the_last_state_stays(self, states):
        known = StatusMap(most=10)

        known.put([status(state) for state in states])

        assert known.get(field_of())[1][0] == 8

    def test_a_claim_may_be_given_back(self):
        known = StatusMap(most=10)

        known.put([status("CLAIMED"), status("REQUESTED")])

        assert known.get(field_of())[1][0] == 1

    def test_the_oldest_go_and_it_never_holds_more_than_its_bound(self):
        known = StatusMap(most=10)
        names = [f"T{number}" for number in range(100)]

        for name in names:
            known.put([status("REQUESTED", tid=name)])
            assert len(known) <= 10

        assert known.get(field_of("T99")) is not None
        assert known.get(field_of("T0")) is None

    def test_names_what_is_open(self):
        known = StatusMap(most=10)
        known.put([status("CLAIMED", tid="A"), status("EXPIRED", tid="B")])

        assert list(known.open_tids()) == ["A"]


class TestGaps:
    def test_a_late_id_is_waited_for_and_then_not(self):
        gaps = Gaps(newest=10)

        gaps.saw(ids=[11, 14, 15], at=0)

        assert (gaps.missing(at=1), gaps.low) == ([12, 13], 11)
        gaps.saw(ids=[13], at=2)
        assert gaps.missing(at=2) == [12]
        gaps.saw(ids=[12], at=3)
        assert (gaps.missing(at=3), gaps.low) == ([], 15)

    def test_what_was_rolled_back_is_given_up(self):
        gaps = Gaps(newest=10)
        gaps.saw(ids=[12], at=0)

        assert gaps.missing(at=WAIT_S) == []
        assert gaps.low == 12

    def test_a_leap_is_not_waited_for_id_by_id(self):
        gaps = Gaps(newest=10)

        gaps.saw(ids=[10**9], at=0)

        assert len(gaps.missing(at=0)) == MOST


class TestTheJournal:
    def test_leaves_out_and_counts_what_there_is_no_room_for(self):
        journal = Journal(most=3, room=0)
        query = Datagram(kind=DatagramKind.QUERY, terminal=1, nonce=bytes(8), ms=1, tid=TID)
        result = dataclasses.replace(query, kind=DatagramKind.RESULT)

        for datagram in (query, result, result, result, result):
            journal.note(direction=OUT, datagram=datagram, address="192.0.2.1", port=9, at=0)

        assert journal.left_out == 2
        assert len(journal.take()) == 3


@dataclasses.dataclass
class Row:
    number: int = 12345
    address: str = "192.0.2.1"
    port: int = 1000
    registered_ms: int = 0
    registered_at: datetime = NOON
    state: str = results.NONE
    message: int = 0
    nonce: bytes | None = None
    told: str = ""
    told_at: datetime | None = None
    amount_minor: int = 0
    currency: str = ""
    approval_code: str = ""
    attempts: int = 0
    next_at: datetime | None = None
    acked_at: datetime | None = None


class TestTheSchedule:
    @pytest.mark.parametrize(("jitter", "factor"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
    def test_is_at_once_and_after_2_4_8_16_s_within_20_percent(self, jitter, factor):
        row = Row()
        results.take_status(row=row, status=status("APPROVED"), nonce=b"n" * 8, at=NOON)
        sent = []

        while row.next_at is not None:
            at = row.next_at
            if results.take_turn(row=row, at=at, jitter=lambda: jitter):
                sent.append((at - NOON).total_seconds())

        waits = [later - earlier for earlier, later in itertools.pairwise(sent)]
        assert sent[0] == 0
        assert waits == pytest.approx([2 * factor, 4 * factor, 8 * factor, 16 * factor])
        assert row.state == "UNDELIVERED"

    def test_nothing_is_sent_before_its_time(self):
        row = Row()
        results.take_status(row=row, status=status("APPROVED"), nonce=b"n" * 8, at=NOON)

        assert results.take_turn(row=row, at=NOON, jitter=lambda: 0.5)
        early = NOON + timedelta(seconds=1.99)
        assert not results.take_turn(row=row, at=early, jitter=lambda: 0.5)


class OneTid(RuleBasedStateMachine):
    """A payment, its registration, and every datagram there may be: in any order, lost, doubled."""

    def __init__(self):
        super().__init__()
        self.row = Row()
        self.at = NOON
        self.payment = "REQUESTED"
        self.nonces = itertools.count(1)
        self.sent = []  # (message, nonce, told, address)
        self.moves = [("", 0)]

    @rule(seconds=st.integers(0, 20))
    def time_passes(self, seconds):
        self.at += timedelta(seconds=seconds)

    @rule(ms=st.integers(1, 6), port=st.sampled_from([1000, 2000]))
    def register(self, ms, port):
        before = dataclasses.replace(self.row)
        new = Register(tid=TID, number=12345, address="192.0.2.1", port=port, ms=ms)
        heard = results.take_register(row=self.row, register=new, at=self.at)
        later = ms > before.registered_ms
        same = ms == before.registered_ms and port == before.port
        assert heard == (later or same)
        assert (self.row.port, self.row.registered_ms) == (
            (port, ms) if later else (before.port, before.registered_ms)
        )

    @rule(to=st.sampled_from(["CLAIMED", "APPROVED", "DECLINED", "EXPIRED", "REVERSED"]))
    def payment_goes_on(self, to):
        final = {"DECLINED", "EXPIRED", "REVERSED"}
        if self.payment in final or (self.payment == "APPROVED") != (to == "REVERSED"):
            return
        self.payment = to

    @rule(state=st.sampled_from(["now", "REQUESTED", "CLAIMED"]))
    def the_feed_or_a_sweep_tells(self, state):
        nonce = next(self.nonces).to_bytes(8)
        told = status(self.payment if state == "now" else state)
        results.take_status(row=self.row, status=told, nonce=nonce, at=self.at)

    @rule()
    def a_process_looks(self):
        if results.take_turn(row=self.row, at=self.at, jitter=lambda: 0.5):
            row = self.row
            self.sent.append((row.message, row.nonce, row.told, row.port))

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), number=st.sampled_from([12345, 54321]), fits=st.booleans())
    def acknowledged(self, data, number, fits):
        message, nonce, _told, _port = data.draw(st.sampled_from(self.sent))
        ack = Acknowledgement(
            tid=TID, number=number, nonce=nonce if fits else b"other---", message=message
        )
        newest = message == self.row.message and self.row.state != "DELIVERED"
        took = results.take_acknowledgement(row=self.row, ack=ack, at=self.at)
        assert took == (newest and fits and number == 12345)

    @invariant()
    def nothing_is_told_that_the_payment_was_not(self):
        reached = {"APPROVED", "REVERSED"} if self.payment == "REVERSED" else {self.payment}
        assert {told for _message, _nonce, told, _port in self.sent} <= reached

    @invariant()
    def a_message_never_changes_and_numbers_rise_from_1(self):
        messages = {(message, nonce, told) for message, nonce, told, _port in self.sent}
        assert len({message for message, _nonce, _told in messages}) == len(messages)
        assert self.row.message <= 2
        assert (self.row.message == 0) == (self.row.told == "")

    @invariant()
    def delivered_means_acknowledged_and_nothing_due(self):
        row = self.row
        assert (row.state == "DELIVERED") == (row.acked_at is not None)
        assert (row.next_at is not None) == (row.state in {"PENDING", "SENT"})
        assert row.attempts <= 5


TestOneTid = OneTid.TestCase
TestOneTid.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None, report_multiple_bugs=False
)


@pytest.mark.parametrize("broken", ["take_register", "take_status", "take_acknowledgement"])
def test_the_model_finds_a_rule_that_always_says_yes(broken, monkeypatch):
    """The negative control."""

    def yes(*, row, at, register=None, status=None, nonce=None, ack=None):
        if register:
            row.port, row.registered_ms = register.port, register.ms
        elif status:
            row.message, row.nonce, row.told = row.message + 1, nonce, status.state
            results._begin(row, at)
        elif ack:
            row.state, row.acked_at, row.next_at = results.DELIVERED, at, None
        return True

    monkeypatch.setattr(results, broken, yes)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(OneTid, settings=TestOneTid.settings)


def test_the_database_knows_the_same_words():
    words = {results.NONE, results.PENDING, results.SENT, results.DELIVERED, results.UNDELIVERED}

    assert set(ResultNotification.State.values) == words
