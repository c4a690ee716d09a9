"""The router in front of the notification server: what it loses, doubles, delays and moves."""

import socket
from contextlib import closing

import pytest

from settlement.simulation.router import Router, Weather
from tests.journeys.waiting import eventually

SENT = 400


@pytest.fixture
def server():
    with closing(_opened()) as server:
        yield server


@pytest.fixture
def till():
    with closing(_opened()) as till:
        yield till


def _opened():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(5)
    return sock


def passed(router, till):
    """Send datagrams through, a few at a time; return the router's counts."""
    for number in range(SENT):
        till.sendto(number.to_bytes(4), router.address)
        if number % 20 == 19:
            eventually(lambda done=number + 1: seen(router) == done, every_s=0.01)
    return dict(router.counts)


def seen(router):
    return router.counts["passed"] + router.counts["lost"]


def test_it_carries_both_ways(server, till):
    with Router(server=server.getsockname()) as router:
        till.sendto(b"question", router.address)
        data, source = server.recvfrom(100)
        server.sendto(b"answer", source)

        assert (data, till.recv(100)) == (b"question", b"answer")
        assert source != till.getsockname()


def test_the_same_seed_loses_the_same(server, till):
    weather = Weather(lost=0.3)
    counts = []
    for seed in (7, 7, 8):
        with Router(server=server.getsockname(), seed=seed, weather=weather) as router:
            counts.append(passed(router, till))

    assert counts[0] == counts[1]
    assert counts[0]["lost"] == pytest.approx(SENT * 0.3, rel=0.3)


def test_a_doubled_one_comes_twice(server, till):
    with Router(server=server.getsockname(), weather=Weather(doubled=1.0)) as router:
        till.sendto(b"once", router.address)

        assert [server.recv(100), server.recv(100)] == [b"once", b"once"]


def test_others_pass_a_late_one(server, till):
    with Router(server=server.getsockname(), weather=Weather(late=1.0)) as router:
        till.sendto(b"first", router.address)
        eventually(lambda: router.counts["late"])
        router.weather = Weather()
        till.sendto(b"second", router.address)

        assert [server.recv(100), server.recv(100)] == [b"second", b"first"]


def test_after_a_move_nothing_comes_in_at_the_old_port(server, till):
    with Router(server=server.getsockname()) as router:
        till.sendto(b"one", router.address)
        _data, before = server.recvfrom(100)
        router.move()
        till.sendto(b"two", router.address)
        _data, after = server.recvfrom(100)
        server.sendto(b"to the old", before)
        server.sendto(b"to the new", after)

        assert before != after
        assert till.recv(100) == b"to the new"
