"""Processes of the server: killed and started again, and several on one address."""

import contextlib
import socket

import pytest

from merchants.models import NotificationProcess, ResultNotification
from merchants.selectors import notifications
from merchants.wire.datagram import DatagramKind, DatagramState
from tests.journeys.portal import free_port
from tests.journeys.waiting import eventually
from tests.rns import payments, serving, terminals

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def terminal(port):
    return terminals.enrolled(("127.0.0.1", port))


def registered(terminal):
    tid = payments.post(terminal)
    terminal.registered(tid)
    return tid


class TestOneThatDies:
    def test_4_14_between_approval_and_delivery_still_delivers(self, terminal, port):
        with serving.in_processes(port=port) as (first,):
            tid = registered(terminal)
            first.kill()
        payments.become(tid, "APPROVED", approval_code="A1B2C3")

        with serving.in_processes(port=port):
            told = terminal.result()
            terminal.acknowledge(told)

            assert (told.state, told.approval) == (DatagramState.APPROVED, "A1B2C3")
            eventually(lambda: notifications.delivery_of(tid=tid) == "DELIVERED", within_s=5)

    def test_while_repeating_goes_on_with_the_same_message(self, terminal, port):
        with serving.in_processes(port=port) as (first,):
            tid = registered(terminal)
            payments.become(tid, "APPROVED")
            before = terminal.result()
            first.kill()

        with serving.in_processes(port=port):
            again = terminal.result()

        assert (again.nonce, again.number) == (before.nonce, before.number)

    def test_and_misses_a_reversal_tells_it_when_it_is_back(self, terminal, port):
        with serving.in_processes(port=port) as (first,):
            tid = registered(terminal)
            payments.become(tid, "APPROVED")
            terminal.acknowledge(terminal.result())
            eventually(lambda: notifications.delivery_of(tid=tid) == "DELIVERED", within_s=5)
            first.kill()
        payments.become(tid, "REVERSED")
        ResultNotification.objects.update(told_at="2026-11-01T00:00:00Z")  # no longer swept

        with serving.in_processes(port=port):
            assert terminals.next_with_number(terminal, 2).state is DatagramState.REVERSED

    def test_ends_at_once_on_sigterm_and_has_written_everything(self, terminal, port):
        with serving.in_processes(port=port) as (only,):
            tid = registered(terminal)

            assert only.end() == 0

        assert notifications.datagrams_of(tid=tid).count() == 2
        assert NotificationProcess.objects.get().counts["answered"] == 1


class TestTwo:
    def test_send_each_attempt_once_between_them(self, terminal, port):
        with serving.in_processes(2, port=port) as both:
            tids, rows = [registered(terminal) for _ in range(20)], ResultNotification.objects
            for tid in tids:
                payments.become(tid, "APPROVED")

            told = terminals.acknowledged(terminal, tids)

            assert {each.tid for each in told} == set(tids)
            eventually(lambda: {row.state for row in rows.all()} == {"DELIVERED"}, within_s=10)
            attempts = sum(row.attempts for row in rows.all())
            eventually(lambda: sum(each.counts["results"] for each in both) == attempts)

    def test_serve_side_by_side_and_know_the_same(self, terminal, port):
        with serving.in_processes(2, port=port) as both:
            tid = registered(terminal)
            with contextlib.ExitStack() as sockets:
                for _ in range(40):
                    terminal.sock = sockets.enter_context(terminals.opened())
                    assert terminal.asked(tid).state is DatagramState.REQUESTED

                eventually(lambda: all(each.counts["answered"] > 1 for each in both), within_s=5)

    def test_whichever_hears_it_an_older_register_does_not_count(self, terminal, port):
        with serving.in_processes(2, port=port), contextlib.ExitStack() as sockets:
            tid = payments.post(terminal)
            newest = terminal.register(tid)
            terminal.received()
            kept = ResultNotification.objects.get().port
            for _ in range(10):
                terminal.sock = sockets.enter_context(terminals.opened())
                terminal.send(terminals.changed(newest, ms=newest.ms - 1))

            assert terminal.nothing()
            assert ResultNotification.objects.get().port == kept


def test_another_program_on_the_address_is_an_error(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))

        with pytest.raises(OSError, match="in use"), serving.in_thread(port=port):
            pass


class TestWithoutADatabase:
    def test_what_is_in_memory_is_answered_and_the_rest_after_it_is_back(self, terminal, port):
        with serving.in_processes(port=port):
            tid = registered(terminal)
            serving.cut_connections()

            assert terminal.asked(tid).state is DatagramState.REQUESTED
            payments.become(tid, "APPROVED")
            assert terminal.result(within_s=10).kind is DatagramKind.RESULT
