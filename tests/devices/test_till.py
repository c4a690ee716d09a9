"""A till on real sockets: what leaves when, and what comes back (mission 4)."""

import os
import threading
import time
from contextlib import ExitStack

import httpx
import pytest

from config.wire.client import PortalSession
from merchants.devices.till import Till
from merchants.wire.datagram import Datagram, DatagramKind, DatagramState
from tests.devices.serving import Gate, Rns, serving
from tests.devices.tills import NUMBER, SECRET, TILL_KEY, TillDisk, answer, terminal

WITHIN_S = 10


@pytest.fixture
def rns():
    with Rns() as server:
        yield server


@pytest.fixture
def gate(rns):
    def told(method, path, body):
        tid = body["tid"] if body else path.split("/")[5]
        return 200, answer(tid, amount=1_000, at=int(time.time())) | {"rns": rns.place} | changes

    changes = {}
    made = Gate(told)
    made.changes = changes
    return made


@pytest.fixture
def till(gate):
    with ExitStack() as stack:
        origin = stack.enter_context(serving(gate))
        http = stack.enter_context(httpx.Client(timeout=WITHIN_S))
        session = PortalSession(
            http=http,
            origin=origin,
            key=TILL_KEY,
            keyid="DEV-TILL",
            clock=time.time,
            random_bytes=os.urandom,
            sleep=time.sleep,
            attempts=1,
        )
        yield stack.enter_context(Till(terminal=terminal(TillDisk()), session=session, http=http))
        gate.open.set()


def sell(till, show=lambda tid: None):
    return till.sell(amount_minor=1_000, currency="KRW", show=show)


def told(kind, state, *, tid, nonce, number=0):
    return Datagram(
        kind=kind,
        terminal=NUMBER,
        nonce=nonce,
        ms=int(time.time() * 1000),
        tid=tid,
        state=state,
        amount=1_000,
        currency="KRW",
        approval="A1B2C3" if state is DatagramState.APPROVED else "",
        number=number,
    )


def test_4_01_the_customer_has_the_tid_while_the_portal_is_paused(till, gate):
    shown = []
    tid = sell(till, shown.append)

    assert shown == [tid]
    assert not gate.open.is_set()
    assert str(till.show(tid).display) == "requested"


def test_4_02_request_and_tid_leave_without_waiting_for_each_other(till, gate):
    """Each is made to wait for the other: only side by side do both get through."""

    def show(tid):
        assert gate.arrived.wait(WITHIN_S), "the request waits for the customer"
        gate.open.set()

    assert together(till, gate, show)


def test_4_02_control_one_after_the_other_never_ends(till, gate, monkeypatch):
    """The deliberate break: the request is made in the till's own hand."""
    monkeypatch.setattr(till, "_calls", InTurn())

    assert not together(till, gate, lambda tid: gate.open.set(), within_s=0.5)


class InTurn:
    def submit(self, act, call):
        act(call)

    def shutdown(self, **_):
        pass


def together(till, gate, show, *, within_s=WITHIN_S):
    """Return whether a sale shows its T-ID in time, the portal answering only after that."""
    is_shown = threading.Event()

    def shows(tid):
        show(tid)
        is_shown.set()

    thread = threading.Thread(target=sell, args=(till, shows), daemon=True)
    thread.start()
    in_time = is_shown.wait(within_s)
    gate.open.set()
    thread.join(WITHIN_S)
    return in_time


def test_4_03_register_follows_the_answer_and_never_goes_before_it(till, gate, rns):
    tid = sell(till)
    assert gate.arrived.wait(WITHIN_S)
    assert rns.is_silent()

    gate.open.set()
    register = rns.receive()
    assert (register.kind, register.tid) == (DatagramKind.REGISTER, tid)
    rns.send(told(DatagramKind.REGISTERED, DatagramState.CLAIMED, tid=tid, nonce=register.nonce))
    assert till.wait(tid, until=lambda one: one.display == "opened", within_s=WITHIN_S)
    assert str(till.show(tid).display) == "opened"


def test_4_04_the_result_comes_to_where_register_came_from(till, gate, rns):
    gate.open.set()
    tid = sell(till)
    register = rns.receive()
    result = told(
        DatagramKind.RESULT, DatagramState.APPROVED, tid=tid, nonce=os.urandom(8), number=1
    )
    rns.send(result)
    shown = till.wait(tid, until=lambda one: one.display == "paid", within_s=WITHIN_S)

    assert (str(shown.display), shown.approval_code) == ("paid", "A1B2C3")
    ack = rns.receive()
    assert (ack.kind, ack.nonce, ack.number) == (DatagramKind.RESULT_ACK, result.nonce, 1)
    assert register.tid == ack.tid == tid


def test_4_07_noise_on_the_socket_changes_nothing(till, gate, rns):
    gate.open.set()
    tid = sell(till)
    register = rns.receive()
    good = told(DatagramKind.RESULT, DatagramState.APPROVED, tid=tid, nonce=bytes(8), number=1)
    for noise in (b"", b"x", good.encode(bytes(32)), good.encode(SECRET) + b"x", os.urandom(128)):
        rns.send_bytes(noise)
    rns.send(told(DatagramKind.REGISTERED, DatagramState.CLAIMED, tid=tid, nonce=register.nonce))

    till.wait(tid, until=lambda one: one.display == "opened", within_s=WITHIN_S)
    assert str(till.show(tid).display) == "opened"


def test_a_hung_portal_keeps_no_other_customer_waiting(till, gate):
    began = time.monotonic()
    tids = {sell(till) for _ in range(40)}

    assert len(tids) == 40
    assert time.monotonic() - began < WITHIN_S / 2


def test_a_cancel_goes_to_the_portal(till, gate, rns):
    gate.open.set()
    tid = sell(till)
    rns.receive()
    gate.changes["state"] = "CANCELLED"
    till.cancel(tid)

    till.wait(tid, until=lambda one: one.display == "cancelled", within_s=WITHIN_S)
    assert gate.requests[-1][1] == f"/api/v1/terminal/payments/{tid}/cancel"
    assert str(till.show(tid).display) == "cancelled"
