"""A terminal's sales: what is asked and when, what is shown, what is believed (mission 4)."""

from itertools import pairwise

import pytest

from merchants.devices.sale_book import UnknownSale
from merchants.devices.sale_facts import CallKind
from merchants.wire.datagram import DatagramKind, DatagramState
from tests.devices.parties import NOON
from tests.devices.tills import (
    LIFE_S,
    NUMBER,
    SECRET,
    Counter,
    TillDisk,
    answer,
    terminal,
    terminal_again,
)

APPROVED, DECLINED = DatagramState.APPROVED, DatagramState.DECLINED
REQUESTED, CLAIMED = DatagramState.REQUESTED, DatagramState.CLAIMED


@pytest.fixture
def disk():
    return TillDisk()


@pytest.fixture
def sale(disk):
    """A sale whose request is out and not answered."""
    return Counter(terminal(disk)).sell()


@pytest.fixture
def open_sale(sale):
    """A sale the portal has and the notification server knows."""
    sale.accept()
    return sale.reply(sale.sent[0], REQUESTED)


class TestRequest:
    def test_the_tid_is_saved_before_its_request_leaves(self, disk, sale):
        call = sale.call()

        assert (call.kind, call.path) == (CallKind.REQUEST, "/terminal/payments")
        assert call.body == {"tid": sale.tid, "amount": 10_000, "currency": "KRW"}
        assert disk.state["sales"][0]["tid"] == sale.tid

    def test_a_full_disk_shows_no_tid(self, disk):
        till = terminal(disk)
        disk.full = True
        with pytest.raises(OSError, match="space"):
            Counter(till).sell()
        disk.full = False

        assert till.show_all() == []
        assert till.tick(at=NOON) == []

    def test_4_03_nothing_is_registered_before_the_answer(self, sale):
        request = sale.call()
        assert sale.sent == []
        assert sale.wait(60).sent == []

        (register,) = sale.answered(request).sent
        assert (register.kind, register.tid) == (DatagramKind.REGISTER, sale.tid)

    def test_an_unanswered_request_is_repeated_word_for_word(self, sale):
        first = sale.call()
        sale.unreachable()
        assert (sale.display, sale.calls) == ("checking", [])

        assert sale.wait(1).call() == first
        sale.accept()
        assert sale.display == "requested"

    def test_an_answer_of_something_else_is_none(self, sale):
        sale.accept(amount=1)

        assert (sale.display, sale.sent) == ("checking", [])
        assert sale.wait(1).call().kind is CallKind.REQUEST

    def test_a_refusal_ends_it(self, sale):
        sale.refused(422, "currency_unsupported")

        assert (sale.display, sale.shown.reason) == ("refused", "currency_unsupported")
        assert (sale.wait(600).calls, sale.sent) == ([], [])

    def test_a_closed_door_after_a_lost_answer_decides_nothing(self, sale):
        sale.unreachable().wait(1)
        sale.refused(403, "merchant_suspended")

        assert sale.display == "checking"

    @pytest.mark.parametrize("status", [401, 429])
    def test_what_is_not_decided_is_asked_again(self, sale, status):
        sale.refused(status, "whatever")

        assert sale.display == "checking"
        assert sale.wait(1).call().kind is CallKind.REQUEST

    def test_a_reused_tid_lets_the_counter_skip(self, disk, sale):
        sale.refused(409, "tid_reused")

        assert disk.counter == disk.state["ceiling"]

    def test_a_request_never_answered_is_cancelled_once_it_is(self, sale):
        """A request still on its way could be paid after the till had forgotten it."""
        while sale.at < NOON + LIFE_S:
            sale.unreachable().wait(31)
        sale.accept()

        assert sale.call().kind is CallKind.CANCEL
        assert sale.answered(sale.call(), state="CANCELLED").display == "cancelled"


class TestSchedule:
    def test_register_is_resent_after_2_4_8_16_seconds_then_asked_then_looked_up(self, sale):
        sale.accept()
        moments, kinds = [sale.at], [sale.sent[0].kind]
        while not sale.calls:
            sale.wait(sale.till.due_at() - sale.at)
            moments += [sale.at] * len(sale.sent)
            kinds += [datagram.kind for datagram in sale.sent]

        waits = [later - earlier for earlier, later in pairwise(moments)]
        assert kinds == [DatagramKind.REGISTER] * 5 + [DatagramKind.QUERY] * 3
        for wait, meant in zip(waits, [2, 4, 8, 16, 2, 2, 4], strict=True):
            assert 0.8 * meant <= wait <= 1.2 * meant
        assert sale.call().kind is CallKind.LOOK
        assert sale.display == "checking"

    def test_the_waits_differ_from_till_to_till(self):
        dues = set()
        for seed in range(20):
            sale = Counter(terminal(TillDisk(), seed=seed)).sell().accept()
            dues.add(sale.till.due_at())
        assert len(dues) > 10

    def test_keep_alive_every_20_seconds(self, open_sale):
        assert open_sale.wait(19.9).sent == []

        (register,) = open_sale.wait(0.1).sent
        assert register.kind is DatagramKind.REGISTER
        assert open_sale.reply(register, CLAIMED).display == "opened"

    def test_each_register_is_later_than_the_one_before(self, sale):
        sale.accept()
        times = [sale.sent[0].ms]
        for _ in range(4):
            times += [datagram.ms for datagram in sale.wait(20).sent]
        assert times == sorted(set(times))

    def test_datagrams_carry_the_servers_time(self, sale):
        """Their time may be 30 s off, a signature's 60."""
        sale.till.answered(sale.call(), answer(sale.tid), at=NOON, server_time=NOON - 45.0)
        sale.effects = sale.till.tick(at=NOON)

        assert sale.sent[0].ms == (NOON - 45) * 1000

    def test_nothing_is_sent_after_the_end(self, open_sale):
        open_sale.result(APPROVED)

        assert open_sale.wait(3600).effects == []
        assert open_sale.till.due_at() is None

    def test_without_udp_https_still_tells(self, sale):
        """4.06 on the till's side: every datagram is dropped."""
        sale.accept()
        while not sale.calls:
            sale.wait(1)
        sale.answered(sale.call(), state="CLAIMED")
        assert sale.display == "opened"
        sale.wait(5)
        sale.answered(sale.call(), state="APPROVED", approval_code="A1B2C3")

        assert (sale.display, sale.shown.approval_code) == ("paid", "A1B2C3")

    def test_where_udp_is_dead_the_next_sale_looks_over_https_at_once(self, sale):
        sale.accept()
        while not sale.calls:
            sale.wait(1)
        following = Counter(sale.till, at=sale.at).sell().accept()
        assert following.sent[0].kind is DatagramKind.REGISTER, "it may be back"
        assert following.call().kind is CallKind.LOOK

        register = following.sent[0]
        following.answered(following.call())
        following.reply(register, REQUESTED)
        assert following.wait(10).calls == [], "it is back"


class TestResult:
    @pytest.mark.parametrize(
        ("state", "display"),
        [
            (APPROVED, "paid"),
            (DECLINED, "declined"),
            (DatagramState.CANCELLED, "cancelled"),
            (DatagramState.EXPIRED, "expired"),
            (DatagramState.REVERSED, "reversed"),
        ],
    )
    def test_4_11_every_end_is_shown_and_acknowledged(self, open_sale, state, display):
        open_sale.result(state)

        assert open_sale.display == display
        assert open_sale.sent[0].kind is DatagramKind.RESULT_ACK

    def test_the_acknowledgement_names_what_it_acknowledges(self, open_sale):
        result = open_sale.datagram(DatagramKind.RESULT, APPROVED, number=3)
        (ack,) = open_sale.hear(result.encode(SECRET)).sent

        assert (ack.nonce, ack.number, ack.tid) == (result.nonce, 3, open_sale.tid)

    def test_a_duplicate_is_ignored_and_acknowledged_again(self, open_sale):
        open_sale.result(APPROVED, number=2)
        (ack,) = open_sale.result(DECLINED, number=2).sent

        assert (open_sale.display, ack.number) == ("paid", 2)

    def test_a_reversal_comes_under_a_higher_number_and_stays(self, open_sale):
        open_sale.result(APPROVED, number=1).result(DatagramState.REVERSED, number=2)
        assert open_sale.display == "reversed"

        open_sale.result(APPROVED, number=1)
        assert open_sale.display == "reversed"

    def test_a_final_state_is_never_left_otherwise(self, open_sale):
        open_sale.result(DECLINED, number=1).result(APPROVED, number=2)

        assert open_sale.display == "declined"

    def test_registered_may_carry_it(self, sale):
        sale.accept()
        sale.reply(sale.sent[0], APPROVED)

        assert (sale.display, sale.shown.approval_code) == ("paid", "A1B2C3")
        assert sale.result(APPROVED).sent[0].kind is DatagramKind.RESULT_ACK

    def test_the_reason_of_a_decline_is_looked_up(self, open_sale):
        open_sale.result(DECLINED)
        assert open_sale.display == "declined"

        open_sale.answered(open_sale.call(), state="DECLINED", decline_reason="insufficient_funds")
        assert open_sale.shown.reason == "insufficient_funds"

    def test_a_result_that_cannot_be_saved_is_not_acknowledged(self, disk, open_sale):
        disk.full = True
        with pytest.raises(OSError, match="space"):
            open_sale.result(APPROVED)
        disk.full = False

        assert open_sale.result(APPROVED).sent[0].kind is DatagramKind.RESULT_ACK
        assert disk.state["sales"][0]["state"] == "APPROVED"

    def test_4_13_three_sales_each_under_its_own_bill(self, disk):
        till = terminal(disk)
        counters = [Counter(till, amount=amount).sell() for amount in (1_000, 2_000, 3_000)]
        for counter in counters:
            counter.accept()
        states = [DECLINED, APPROVED, DatagramState.CANCELLED]
        for counter, state in zip(reversed(counters), states, strict=True):
            counter.result(state)

        shown = [(one.amount_minor, str(one.display)) for one in till.show_all()]
        assert shown == [(1_000, "cancelled"), (2_000, "paid"), (3_000, "declined")]


class TestForgery:
    """4.07: duplicate, reordered, truncated, forged and replayed datagrams change nothing."""

    def test_a_wrong_mac_is_ignored(self, open_sale):
        open_sale.result(APPROVED, secret=bytes(32))

        assert (open_sale.display, open_sale.effects) == ("requested", [])
        assert open_sale.till.ignored == {"mac": 1}

    def test_an_answer_to_a_nonce_that_was_not_asked_is_ignored(self, open_sale):
        for kind in (DatagramKind.REGISTERED, DatagramKind.STATE):
            open_sale.hear(open_sale.datagram(kind, APPROVED).encode(SECRET))

        assert open_sale.display == "requested"
        assert open_sale.till.ignored == {"nonce": 2}

    def test_an_answer_of_the_other_kind_is_ignored(self, sale):
        sale.accept()
        question = sale.sent[0]
        state = sale.datagram(DatagramKind.STATE, APPROVED, nonce=question.nonce)

        assert sale.hear(state.encode(SECRET)).display == "requested"

    def test_waiting_goes_on_after_a_spoofed_answer(self, sale):
        sale.accept()
        sale.hear(sale.datagram(DatagramKind.REGISTERED, APPROVED).encode(SECRET))

        assert sale.wait(2.4).sent[0].kind is DatagramKind.REGISTER

    @pytest.mark.parametrize("length", [0, 1, 127, 129, 512])
    def test_a_datagram_of_another_length_is_ignored(self, open_sale, length):
        whole = open_sale.datagram(DatagramKind.RESULT, APPROVED, number=1).encode(SECRET)
        open_sale.hear((whole * 5)[:length])

        assert (open_sale.display, open_sale.till.ignored) == ("requested", {"malformed": 1})

    def test_every_bit_counts(self, open_sale):
        whole = open_sale.datagram(DatagramKind.RESULT, APPROVED, number=1).encode(SECRET)
        for at in range(len(whole) * 8):
            bent = bytearray(whole)
            bent[at // 8] ^= 1 << at % 8
            open_sale.hear(bytes(bent))

        assert open_sale.display == "requested"

    def test_our_own_words_thrown_back_are_ignored(self, sale):
        sale.accept()
        sale.hear(sale.sent[0].encode(SECRET))

        assert (sale.display, sale.till.ignored) == ("requested", {"kind": 1})

    def test_another_terminals_result_is_ignored(self, open_sale):
        other = open_sale.datagram(DatagramKind.RESULT, APPROVED, number=1, terminal=NUMBER + 1)
        open_sale.hear(other.encode(SECRET))

        assert open_sale.display == "requested"

    @pytest.mark.parametrize("change", [{"amount": 1}, {"currency": "USD"}])
    def test_another_amount_is_not_believed_but_looked_up(self, open_sale, change):
        other = open_sale.datagram(DatagramKind.RESULT, APPROVED, number=1, **change)
        open_sale.hear(other.encode(SECRET))

        assert open_sale.display == "requested"
        assert open_sale.sent == []
        assert open_sale.call().kind is CallKind.LOOK

    def test_an_unknown_tid_is_not_acknowledged(self, open_sale):
        other = open_sale.datagram(DatagramKind.RESULT, APPROVED, number=1, tid="T" + "0" * 22)

        assert open_sale.hear(other.encode(SECRET)).effects == []

    def test_an_older_word_of_an_open_state_does_not_undo_a_newer_one(self, sale):
        sale.accept()
        first = sale.sent[0]
        (second,) = sale.wait(2.4).sent
        sale.reply(second, CLAIMED)
        sale.reply(first, REQUESTED, ms=int(NOON * 1000))

        assert sale.display == "opened"


class TestUnknownThere:
    def test_the_server_may_not_have_seen_it_yet(self, sale):
        sale.accept()
        sale.reply(sale.sent[0], DatagramState.UNKNOWN, amount=0)
        assert sale.call().kind is CallKind.LOOK
        sale.answered(sale.call())

        assert sale.wait(2.4).sent[0].kind is DatagramKind.REGISTER

    def test_a_payment_the_portal_has_lost_is_asked_for_again(self, sale):
        sale.accept()
        sale.reply(sale.sent[0], DatagramState.UNKNOWN, amount=0)
        sale.refused(404, "not_found")

        assert sale.display == "checking"
        assert sale.call().kind is CallKind.REQUEST


class TestCancel:
    def cancel(self, sale):
        sale.effects = sale.till.cancel(tid=sale.tid, at=sale.at)
        return sale

    def test_a_cancel_waits_for_the_requests_answer(self, sale):
        """One that came first would find nothing, and the request would be paid after it."""
        request = sale.call()
        assert self.cancel(sale).calls == []

        sale.answered(request)
        assert sale.call().kind is CallKind.CANCEL

    @pytest.mark.parametrize("state", ["CANCELLED", "REVERSED", "EXPIRED", "DECLINED"])
    def test_its_answer_is_the_end(self, open_sale, state):
        self.cancel(open_sale)
        assert open_sale.display == "checking"
        open_sale.answered(open_sale.call(), state=state, decline_reason="x")

        assert open_sale.display == state.lower()
        assert open_sale.wait(600).effects == []

    def test_a_lost_cancel_is_repeated_under_its_key(self, open_sale):
        first = self.cancel(open_sale).call()
        open_sale.unreachable()

        assert open_sale.wait(1).call() == first

    def test_an_approval_that_came_first_is_reversed(self, open_sale):
        cancel = self.cancel(open_sale).call()
        open_sale.result(APPROVED)
        assert open_sale.display == "checking"

        assert open_sale.answered(cancel, state="REVERSED").display == "reversed"

    def test_a_paid_one_is_reversed(self, open_sale):
        self.cancel(open_sale.result(APPROVED))
        assert open_sale.display == "checking"

        assert open_sale.answered(open_sale.call(), state="REVERSED").display == "reversed"

    @pytest.mark.parametrize("code", ["already_cleared", "already_refunded"])
    def test_too_late_it_stays_paid(self, open_sale, code):
        self.cancel(open_sale.result(APPROVED)).refused(409, code)

        assert (open_sale.display, open_sale.shown.reason) == ("paid", code)

    def test_a_final_state_in_the_refusal_is_taken(self, open_sale):
        self.cancel(open_sale).refused(409, "payment_final", state="EXPIRED")

        assert open_sale.display == "expired"

    def test_an_ended_one_is_not_cancelled(self, open_sale):
        open_sale.result(DatagramState.EXPIRED)

        assert self.cancel(open_sale).effects == []

    def test_a_foreign_tid_is_unknown(self, open_sale):
        with pytest.raises(UnknownSale):
            open_sale.till.cancel(tid="T" + "0" * 22, at=NOON)


class TestTimeout:
    def overdue(self, sale):
        """Let the time run out, the keep-alives answered, until the till asks for the state."""
        while True:
            sale.wait(0.5)
            for datagram in sale.sent:
                if datagram.kind is DatagramKind.QUERY:
                    return datagram
                sale.reply(datagram, CLAIMED)

    def test_it_asks_then_cancels_what_is_still_open(self, open_sale):
        query = self.overdue(open_sale)
        assert open_sale.at >= NOON + LIFE_S
        assert open_sale.display == "checking"
        open_sale.reply(query, CLAIMED)

        assert open_sale.call().kind is CallKind.CANCEL
        assert open_sale.answered(open_sale.call(), state="REVERSED").display == "reversed"

    def test_what_was_approved_meanwhile_is_paid(self, open_sale):
        open_sale.reply(self.overdue(open_sale), APPROVED)

        assert (open_sale.display, open_sale.calls) == ("paid", [])

    def test_an_approval_told_before_the_cancel_left_is_kept(self, open_sale):
        open_sale.reply(self.overdue(open_sale), CLAIMED)
        cancel = open_sale.call()
        open_sale.result(APPROVED)
        assert open_sale.display == "checking", "the cancel is out: its answer decides"

        assert open_sale.answered(cancel, state="REVERSED").display == "reversed"

    def test_without_an_answer_it_looks_over_https(self, open_sale):
        self.overdue(open_sale)
        while not open_sale.calls:
            open_sale.wait(1)
        assert open_sale.call().kind is CallKind.LOOK
        open_sale.answered(open_sale.call(), state="CLAIMED")

        assert open_sale.call().kind is CallKind.CANCEL


class TestRestart:
    def again(self, disk, sale):
        sale.till = terminal_again(disk, at=sale.at)
        sale.effects = sale.till.tick(at=sale.at)
        return sale

    def test_3_12_an_open_sale_is_asked_about_and_shown_paid(self, disk, open_sale):
        self.again(disk, open_sale)
        assert open_sale.display == "checking"
        assert open_sale.sent[0].kind is DatagramKind.REGISTER

        open_sale.answered(open_sale.call(), state="APPROVED", approval_code="A1B2C3")
        assert open_sale.display == "paid"

    def test_one_never_answered_is_requested_again(self, disk, sale):
        first = sale.call()

        assert self.again(disk, sale).call() == first

    def test_a_wish_to_cancel_outlives_it(self, disk, open_sale):
        cancel = open_sale.till.cancel(tid=open_sale.tid, at=open_sale.at)

        assert self.again(disk, open_sale).calls == cancel

    def test_an_ended_sale_stays_ended_and_hears_its_reversal(self, disk, open_sale):
        open_sale.result(APPROVED)
        assert self.again(disk, open_sale).effects == []
        assert open_sale.display == "paid"

        assert open_sale.result(DatagramState.REVERSED, number=2).display == "reversed"

    def test_a_duplicate_result_is_known_after_it(self, disk, open_sale):
        open_sale.result(APPROVED, number=1).result(DatagramState.REVERSED, number=2)
        self.again(disk, open_sale).result(APPROVED, number=2)

        assert open_sale.display == "reversed"


def test_ended_sales_are_forgotten_in_the_end(disk):
    till = terminal(disk)
    for _ in range(120):
        Counter(till).sell().accept().result(DatagramState.EXPIRED)
    waiting = Counter(till).sell()

    shown = till.show_all()
    assert len(shown) == 101
    assert shown[-1].tid == waiting.tid
