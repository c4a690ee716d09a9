"""Queries and registrations over real sockets: who is answered what (protocol §4.2)."""

import pytest

from config.models import Device
from merchants.models import Merchant, ResultNotification
from merchants.wire.datagram import DatagramKind, DatagramState
from tests.rns import payments, terminals

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_query_is_answered_with_state_amount_and_code(terminal):
    tid = payments.post(terminal, amount=4_300)
    payments.become(tid, "APPROVED", amount=4_300, approval_code="A1B2C3")

    told = terminal.asked(tid)

    assert (told.state, told.amount, told.currency, told.approval) == (
        DatagramState.APPROVED,
        4_300,
        "KRW",
        "A1B2C3",
    )


def test_the_same_query_again_is_answered_again(terminal):
    tid = payments.post(terminal)
    query = terminal.query(tid)
    first = terminal.received()

    terminal.send(query)

    assert terminal.received().nonce == first.nonce == query.nonce


def test_a_register_is_answered_with_number_0_and_kept(terminal):
    tid = payments.post(terminal)

    told = terminal.registered(tid)

    assert (told.state, told.number) == (DatagramState.REQUESTED, 0)
    row = ResultNotification.objects.get(tid=tid)
    assert (row.address, row.port) == terminal.sock.getsockname()
    assert row.state == "NONE"


def test_a_register_for_a_tid_not_posted_gets_255_and_is_not_kept(terminal):
    tid = terminal.new_tid(amount=1)

    told = terminal.registered(tid)

    assert (told.state, told.amount) == (DatagramState.UNKNOWN, 0)
    assert not ResultNotification.objects.exists()


@pytest.mark.parametrize("kind", [DatagramKind.QUERY, DatagramKind.REGISTER])
def test_another_terminals_tid_is_255_even_in_the_same_shop(server, terminal, kind):
    other = terminals.enrolled(server.address, store=terminal.device.equipment.store)
    tid = payments.post(other)
    other.asked(tid)  # in memory by now

    terminal.send(terminal.made(kind, tid))

    told = terminal.received()
    assert (told.state, told.amount, told.currency) == (DatagramState.UNKNOWN, 0, "")
    assert not ResultNotification.objects.exists()


@pytest.mark.parametrize("tid", ["", "x" * 40, "T000C1S0000700009WHN32C"])
def test_what_is_no_tid_of_ours_is_255(terminal, tid):
    told = terminal.asked(tid)

    assert (told.state, told.amount, told.tid) == (DatagramState.UNKNOWN, 0, tid)


def test_a_state_that_changes_is_told_at_once(terminal):
    tid = payments.post(terminal)
    assert terminal.asked(tid).state is DatagramState.REQUESTED

    payments.become(tid, "CLAIMED")

    assert terminals.until(terminal, tid, DatagramState.CLAIMED)


def test_a_state_whose_event_was_never_heard_is_found_by_the_sweep(terminal):
    tid = payments.post(terminal)
    terminal.asked(tid)

    payments.become(tid, "EXPIRED", is_told=False)

    assert terminals.until(terminal, tid, DatagramState.EXPIRED)


class TestWhoIsNotHeard:
    def test_a_revoked_terminal_within_seconds(self, terminal):
        tid = payments.post(terminal)
        terminal.asked(tid)

        Device.objects.filter(pk=terminal.device.pk).update(
            state="REVOKED", revoked_at="2026-11-22T03:00:00Z"
        )

        assert terminals.falls_silent(terminal, tid, within_s=6)

    def test_a_suspended_merchants_terminal(self, terminal):
        tid = payments.post(terminal)
        terminal.asked(tid)

        Merchant.objects.filter(equipment__number=terminal.number).update(state="SUSPENDED")

        assert terminals.falls_silent(terminal, tid, within_s=6)

    def test_a_reader(self, server, terminal):
        reader = terminals.enrolled(server.address, kind="READER")

        reader.query(payments.post(terminal))

        assert reader.nothing()
