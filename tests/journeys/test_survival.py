"""What holds when a process dies, stops answering, or the broker forgets everything."""

import os
import signal
import socket
from collections.abc import Callable, Iterator

import pytest

from config.stack import places
from tests.journeys.counter import Counter, now
from tests.journeys.portal import PARTS, Portal, free_port
from tests.journeys.street import tap
from tests.journeys.waiting import eventually


def kill_newest(portal: Portal, part: str) -> int:
    """Kill one process of the part outright: of several, a worker rather than their parent."""
    victim = max(portal.pids(part))
    os.kill(victim, signal.SIGKILL)
    return victim


@pytest.fixture(scope="module")
def till(street, shop) -> Iterator[Counter]:
    """One reader for all these tests."""
    with street.counter(shop) as counter:
        yield counter


@pytest.fixture(scope="module")
def pays(street, shop, customer, handset, till) -> Callable[[int], None]:
    """Return a function that carries one payment from a tap to the merchant's numbered events."""
    token = handset.take(street.card(customer)["card"])

    def pay(amount: int) -> None:
        head = len(shop.events())
        assert tap(handset, token, till, amount).state == "approved"
        assert till.upload().state == "POSTED"
        eventually(lambda: len(shop.events()) >= head + 2)

    return pay


@pytest.mark.parametrize("part", list(PARTS))
def test_a_killed_part_comes_back_and_payments_go_on(portal, pays, part):
    before = portal.pids(part)
    victim = kill_newest(portal, part)

    eventually(
        lambda: (fresh := portal.pids(part)) and victim not in fresh and len(fresh) >= len(before)
    )
    eventually(portal.is_healthy)
    pays(1_100)


def test_a_part_that_hangs_is_named_until_it_answers_again(portal):
    hung = portal.pids("sequencer").pop()
    os.kill(hung, signal.SIGSTOP)
    try:
        status, parts = eventually(
            lambda: (told := portal.health())[0] == 503 and told, within_s=40, every_s=0.5
        )
    finally:
        os.kill(hung, signal.SIGCONT)

    assert status == 503
    assert [name for name, part in parts.items() if not part["ok"]] == ["sequencer"]
    assert parts["sequencer"]["detail"]
    eventually(portal.is_healthy)


def test_a_broker_that_forgot_everything_loses_no_batch(portal, shop, handset, token, counter):
    known = len(shop.payments())
    assert tap(handset, token, counter, 1_300).state == "approved"
    flush(portal)
    sent = counter.portal.upload(at=now())
    flush(portal)

    assert sent is not None
    assert counter.result(sequence=sent.sequence).state == "POSTED"
    assert len(shop.payments()) == known + 1
    eventually(portal.is_healthy)


def test_a_second_up_on_the_same_data_says_so(portal):
    second = portal.run("up", "--no-simulate", "--port", str(free_port()))

    assert second.returncode == 1
    assert "already up" in second.stderr
    assert portal.origin in second.stderr
    assert portal.is_healthy()


def flush(portal: Portal) -> None:
    """Make the embedded Valkey forget all it holds."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(places.locate(data_dir=str(portal.data)).valkey_socket))
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(16).startswith(b"+OK")
