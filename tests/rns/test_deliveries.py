"""Results over real sockets: where they go, how often, and what an acknowledgement ends."""

import time

import pytest

from merchants.models import ResultNotification
from merchants.rules import results
from merchants.selectors import notifications
from merchants.wire.datagram import DatagramState
from tests.journeys.waiting import eventually
from tests.rns import payments, terminals

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def quick(monkeypatch):
    """Seconds become twentieths."""
    monkeypatch.setattr(results, "REPEATS_S", tuple(s / 20 for s in results.REPEATS_S))
    monkeypatch.setattr(results, "LAST_WAIT_S", results.LAST_WAIT_S / 20)


def delivery(tid, word, within_s=5.0):
    return eventually(lambda: notifications.delivery_of(tid=tid) == word, within_s=within_s)


def test_4_04_the_result_comes_to_the_address_register_came_from(terminal):
    tid = payments.post(terminal)
    terminal.registered(tid)

    payments.become(tid, "APPROVED", approval_code="A1B2C3")

    told = terminal.result()
    assert (told.tid, told.state, told.amount, told.approval, told.number) == (
        tid,
        DatagramState.APPROVED,
        12_500,
        "A1B2C3",
        1,
    )


@pytest.mark.parametrize("state", ["DECLINED", "CANCELLED", "EXPIRED"])
def test_4_11_every_other_end_is_told_as_an_approval_is(terminal, state):
    tid = payments.post(terminal)
    terminal.registered(tid)

    payments.become(tid, state)

    assert terminal.result().state.name == state


def test_a_state_that_is_not_final_is_not_sent(terminal):
    tid = payments.post(terminal)
    terminal.registered(tid)

    payments.become(tid, "CLAIMED")
    terminals.until(terminal, tid, DatagramState.CLAIMED)

    assert terminal.nothing()
    assert notifications.delivery_of(tid=tid) == "NONE"


def test_an_acknowledgement_ends_it(terminal, quick):
    tid = payments.post(terminal)
    terminal.registered(tid)
    payments.become(tid, "APPROVED")

    terminal.acknowledge(terminal.result())

    delivery(tid, "DELIVERED")
    assert terminal.nothing(within_s=1)


def test_without_one_it_is_sent_five_times_alike_and_then_undelivered(terminal, quick):
    tid = payments.post(terminal)
    terminal.registered(tid)
    payments.become(tid, "APPROVED")

    told = [terminal.result() for _ in range(5)]

    assert len({(each.nonce, each.number, each.state) for each in told}) == 1
    delivery(tid, "UNDELIVERED")
    assert terminal.nothing()


def test_the_first_repetition_comes_after_two_seconds(terminal):
    tid = payments.post(terminal)
    terminal.registered(tid)
    payments.become(tid, "APPROVED")
    terminal.result()
    began = time.monotonic()

    terminal.result()

    assert 1.5 <= time.monotonic() - began <= 2.8


class TestAnAcknowledgementThatDoesNotFit:
    @pytest.mark.parametrize("fields", [{"nonce": bytes(8)}, {"number": 2}, {"number": 0}])
    def test_ends_nothing(self, terminal, quick, fields):
        tid = payments.post(terminal)
        terminal.registered(tid)
        payments.become(tid, "APPROVED")
        told = terminal.result()

        terminal.acknowledge(told, **fields)

        terminal.result()
        assert notifications.delivery_of(tid=tid) == "SENT"

    def test_because_another_terminal_sends_it(self, server, terminal, quick):
        tid = payments.post(terminal)
        terminal.registered(tid)
        payments.become(tid, "APPROVED")

        terminals.enrolled(server.address).acknowledge(terminal.result())

        terminal.result()
        assert notifications.delivery_of(tid=tid) == "SENT"

    def test_counts_from_any_address_when_it_does_fit(self, terminal):
        tid = payments.post(terminal)
        terminal.registered(tid)
        payments.become(tid, "APPROVED")
        told = terminal.result()

        terminal.move()
        terminal.acknowledge(told)

        delivery(tid, "DELIVERED")

    def test_counts_even_after_undelivered(self, terminal, quick):
        tid = payments.post(terminal)
        terminal.registered(tid)
        payments.become(tid, "APPROVED")
        told = terminal.result()
        delivery(tid, "UNDELIVERED")

        terminal.acknowledge(told)

        delivery(tid, "DELIVERED")


class TestAReversal:
    def test_is_a_new_result_with_a_higher_number(self, terminal):
        tid = payments.post(terminal)
        terminal.registered(tid)
        payments.become(tid, "APPROVED")
        first = terminal.result()
        terminal.acknowledge(first)
        delivery(tid, "DELIVERED")

        payments.become(tid, "REVERSED")

        told = terminal.result()
        assert (told.state, told.number) == (DatagramState.REVERSED, 2)
        assert told.nonce != first.nonce

    def test_4_12_is_what_is_repeated_from_then_on(self, terminal, quick):
        tid = payments.post(terminal)
        terminal.registered(tid)
        payments.become(tid, "APPROVED")
        old = terminal.result()
        payments.become(tid, "REVERSED")
        reversal = terminals.next_with_number(terminal, 2)

        terminal.acknowledge(old)

        assert terminal.result().nonce == reversal.nonce
        assert notifications.delivery_of(tid=tid) == "SENT"

    def test_missed_by_the_feed_is_found_by_the_sweep(self, terminal):
        tid = payments.post(terminal)
        terminal.registered(tid)
        payments.become(tid, "APPROVED")
        terminal.acknowledge(terminal.result())

        payments.become(tid, "REVERSED", is_told=False)

        assert terminals.next_with_number(terminal, 2).state is DatagramState.REVERSED


class TestARegisterAfterTheResult:
    def test_is_answered_with_it_and_the_result_follows_all_the_same(self, terminal):
        tid = payments.post(terminal)
        payments.become(tid, "APPROVED", approval_code="A1B2C3")

        told = terminal.registered(tid)

        assert (told.state, told.approval) == (DatagramState.APPROVED, "A1B2C3")
        assert terminal.result().number == 1

    def test_begins_anew_what_was_undelivered(self, terminal, quick):
        tid = payments.post(terminal)
        terminal.registered(tid)
        payments.become(tid, "APPROVED")
        first = terminal.result()
        delivery(tid, "UNDELIVERED")
        terminal.empty()

        terminal.registered(tid)

        assert terminal.result() == terminals.changed(first, ms=terminal.newest.ms)

    def test_sends_nothing_again_that_arrived(self, terminal):
        tid = payments.post(terminal)
        terminal.registered(tid)
        payments.become(tid, "APPROVED")
        terminal.acknowledge(terminal.result())
        delivery(tid, "DELIVERED")

        terminal.registered(tid)

        assert terminal.nothing()
        assert notifications.delivery_of(tid=tid) == "DELIVERED"


class TestWhereTheTerminalIs:
    def test_moves_to_a_later_register(self, terminal):
        tid = payments.post(terminal)
        terminal.registered(tid)
        terminal.move()
        terminal.registered(tid)

        payments.become(tid, "APPROVED")

        assert terminal.result().tid == tid

    def test_repetitions_leave_the_old_address_when_it_moves(self, terminal, quick):
        tid = payments.post(terminal)
        terminal.registered(tid)
        payments.become(tid, "APPROVED")
        first = terminal.result()
        old = terminal.sock
        terminal.sock = terminals.opened()
        terminal.registered(tid)
        assert terminal.result().nonce == first.nonce
        terminals.emptied(old)

        again = terminal.result()

        assert (again.nonce, again.number) == (first.nonce, first.number)
        assert terminals.emptied(old) == 0

    def test_does_not_move_to_an_older_register_which_gets_no_answer(self, terminal):
        tid = payments.post(terminal)
        register = terminal.register(tid)
        terminal.received()
        old = terminal.sock
        terminal.sock = terminals.opened()
        terminal.send(terminals.changed(register, ms=register.ms - 1, nonce=b"12345678"))
        assert terminal.nothing()

        payments.become(tid, "APPROVED")

        assert terminals.emptied(old, within_s=1) == 1
        assert terminal.nothing()

    def test_does_not_move_to_the_same_register_from_elsewhere(self, terminal):
        tid = payments.post(terminal)
        register = terminal.register(tid)
        terminal.received()
        row = ResultNotification.objects.get()
        terminal.move()

        terminal.send(register)

        assert terminal.nothing()
        assert ResultNotification.objects.get().port == row.port

    def test_the_same_register_from_there_is_answered_again(self, terminal):
        tid = payments.post(terminal)
        register = terminal.register(tid)
        terminal.received()

        terminal.send(register)

        assert terminal.received().nonce == register.nonce

    def test_is_never_moved_by_a_query(self, terminal):
        tid = payments.post(terminal)
        terminal.registered(tid)
        old = terminal.sock
        terminal.sock = terminals.opened()
        terminal.asked(tid)

        payments.become(tid, "APPROVED")

        assert terminals.emptied(old, within_s=1) == 1


def test_4_13_three_open_at_once_each_get_their_own_result(terminal):
    tids = [payments.post(terminal, amount=amount) for amount in (100, 200, 300)]
    for tid in tids:
        terminal.registered(tid)

    for tid, amount in zip(tids, (100, 200, 300), strict=True):
        payments.become(tid, "APPROVED", amount=amount)

    told = {(each.tid, each.amount) for each in [terminal.result() for _ in tids]}
    assert told == set(zip(tids, (100, 200, 300), strict=True))


class TestTheLog:
    def test_tells_each_datagram_of_a_tid(self, terminal):
        tid = payments.post(terminal)
        terminal.registered(tid)
        payments.become(tid, "APPROVED")
        terminal.acknowledge(terminal.result())

        eventually(lambda: notifications.datagrams_of(tid=tid).count() == 4, within_s=5)

        rows = notifications.datagrams_of(tid=tid)
        assert [(row.direction, row.kind, row.state, row.message) for row in rows] == [
            ("IN", "REGISTER", "", 0),
            ("OUT", "REGISTERED", "REQUESTED", 0),
            ("OUT", "RESULT", "APPROVED", 1),
            ("IN", "RESULT_ACK", "", 1),
        ]
        assert {(row.address, row.port) for row in rows} == {terminal.sock.getsockname()}

    def test_leaves_queries_of_a_flood_out_and_counts_them(self, server, terminal):
        tid = payments.post(terminal)
        terminal.asked(tid)
        for _ in range(400):
            terminal.asked(tid)

        rows = notifications.datagrams_of(tid=tid)
        assert server.counts()["left_out"] > 0
        eventually(lambda: rows.count() + server.counts()["left_out"] == 802, within_s=5)


def test_nothing_of_it_changes_a_payment(terminal, quick):
    tid = payments.post(terminal)
    terminal.registered(tid)
    payments.become(tid, "APPROVED")
    terminal.result()

    delivery(tid, "UNDELIVERED")

    assert payments.statuses(tids=[tid])[tid].state == "APPROVED"
