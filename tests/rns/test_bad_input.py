"""What is forged, bent, late or too much: no byte out, everything counted, nothing changed."""

import hashlib
import hmac
import os
import random
import time

import pytest

from merchants.models import ResultNotification
from merchants.rns.shared import Limits
from merchants.rules import answering
from merchants.selectors import notifications
from merchants.wire.datagram import DatagramKind, DatagramState
from tests.journeys.waiting import eventually
from tests.rns import payments, serving, terminals

pytestmark = pytest.mark.django_db(transaction=True)


def sealed(body, secret):
    return body + hmac.digest(secret, body, hashlib.sha256)[:16]


def bytes_out(terminal, *inputs):
    """Send ``inputs``, and one good query last; return how many bytes came for all but that."""
    last = terminal.known
    for each in inputs:
        terminal.send(each)
    query = terminal.query(last)
    terminal.sock.settimeout(5)
    came = 0
    while query.nonce not in (data := terminal.sock.recv(2048)):
        came += len(data)
    return came + terminals.bytes_in(terminal.sock, within_s=0.3)


def dropped(server):
    return server.counts()["dropped"]


@pytest.fixture
def known(terminal):
    """A T-ID of the terminal's that the server has in memory."""
    terminal.known = payments.post(terminal)
    terminal.asked(terminal.known)
    return terminal.known


def bent(data, at, to):
    return data[:at] + to + data[at + len(to) :]


@pytest.mark.parametrize(
    ("bend", "cause"),
    [
        (lambda data: data[:-1], "length"),
        (lambda data: data + b"\0", "length"),
        (lambda data: data * 400, "length"),
        (lambda _data: b"", "length"),
        (lambda data: bent(data, 0, b"XX"), "form"),
        (lambda data: bent(data, 2, b"\2"), "form"),
        (lambda data: bent(data, 3, b"\0"), "form"),
        (lambda data: bent(data, 3, b"\x06"), "form"),
        (lambda data: bent(data, 127, bytes((data[127] ^ 1,))), "mac"),
        (lambda data: bent(data, 30, b"\0"), "mac"),
        (lambda data: bent(data, 4, b"\xff\xff\xff\xff"), "terminal"),
    ],
)
def test_4_07_is_dropped_and_counted_without_a_byte(server, terminal, known, bend, cause):
    data = bend(terminal.made(DatagramKind.QUERY, known).encode(terminal.secret))

    assert bytes_out(terminal, data) == 0

    assert eventually(lambda: dropped(server)[cause] == 1, within_s=3)


@pytest.mark.parametrize("kind", ["REGISTERED", "RESULT", "STATE"])
def test_what_only_a_server_says_is_dropped(server, terminal, known, kind):
    assert bytes_out(terminal, terminal.made(DatagramKind[kind], known)) == 0
    assert dropped(server)["form"] == 1


@pytest.mark.parametrize("kind", ["REGISTER", "QUERY", "RESULT_ACK"])
@pytest.mark.parametrize("off_ms", [-31_000, 31_000])
def test_more_than_30_s_off_is_dropped(server, terminal, known, kind, off_ms):
    late = terminal.made(DatagramKind[kind], known, ms=int(time.time() * 1000) + off_ms)

    assert bytes_out(terminal, late) == 0

    assert dropped(server)["time"] == 1
    assert not ResultNotification.objects.exists()


@pytest.mark.parametrize("off_ms", [-28_000, 28_000])
def test_less_than_that_is_answered(terminal, known, off_ms):
    terminal.off_ms = off_ms

    assert terminal.asked(known).state is DatagramState.REQUESTED


@pytest.mark.parametrize(("at", "to"), [(60, b"x"), (87, b"\1"), (111, b"\1"), (25, b"\x29")])
def test_padding_that_is_not_zero_is_dropped_under_a_good_mac(server, terminal, known, at, to):
    data = terminal.made(DatagramKind.QUERY, known).encode(terminal.secret)

    assert bytes_out(terminal, sealed(bent(data[:112], at, to), terminal.secret)) == 0

    assert dropped(server)["form"] == 1


def test_fields_a_query_does_not_use_are_ignored(terminal, known):
    data = terminal.made(DatagramKind.QUERY, known).encode(terminal.secret)
    odd = bent(bent(data[:112], 24, b"\x63"), 66, b"\xff" * 21)

    terminal.send(sealed(odd, terminal.secret))

    assert terminal.received().state is DatagramState.REQUESTED


class TestAmplification:
    """Bytes out / bytes in is at most 1.0 for every input, and 0 where the MAC does not fit."""

    def test_is_never_above_1(self, terminal, known):
        inputs = list(garbage(terminal, known, seed=7, count=3000))

        assert 0 < bytes_out(terminal, *inputs) <= sum(map(len, inputs))

    def test_nothing_comes_for_a_bad_mac(self, terminal, known):
        assert bytes_out(terminal, *forged(terminal, known)) == 0

    def test_something_would_come_if_macs_were_not_looked_at(self, terminal, known, monkeypatch):
        """The negative control."""
        monkeypatch.setattr(answering.hmac, "compare_digest", lambda *_: True)

        assert bytes_out(terminal, *forged(terminal, known)) > 0


def forged(terminal, known):
    for kind in (DatagramKind.QUERY, DatagramKind.REGISTER):
        yield terminal.made(kind, known).encode(os.urandom(32))


def garbage(terminal, known, *, seed, count):
    """Noise, good datagrams bent anywhere, and bent bodies under a good MAC."""
    rng = random.Random(seed)
    for _ in range(count):
        kind = rng.choice([DatagramKind.QUERY, DatagramKind.RESULT_ACK])
        data = terminal.made(kind, rng.choice([known, "x" * 40, ""])).encode(terminal.secret)
        at = rng.randrange(len(data))
        odd = bent(data, at, rng.randbytes(min(rng.randint(1, 8), len(data) - at)))
        yield rng.choice(
            [
                rng.randbytes(rng.randint(0, 300)),
                odd,
                odd[: rng.randint(0, 128)],
                sealed(bytes(odd[:112]), terminal.secret),
                data,
            ]
        )


class TestReplays:
    def test_of_everything_change_nothing(self, terminal):
        tid = payments.post(terminal)
        register = terminal.register(tid)
        terminal.received()
        payments.become(tid, "APPROVED")
        acknowledgement = terminal.acknowledge(terminal.result())
        eventually(lambda: notifications.delivery_of(tid=tid) == "DELIVERED", within_s=5)
        before = ResultNotification.objects.values().get()

        terminal.move()
        for datagram in (acknowledgement, register, acknowledgement):
            terminal.send(datagram)

        assert terminal.nothing()
        assert ResultNotification.objects.values().get() == before

    def test_of_the_servers_own_words_get_none(self, terminal, known):
        terminal.query(known)
        told = terminal.sock.recv(2048)

        assert bytes_out(terminal, told) == 0


class TestTooMuch:
    def test_of_one_terminal_is_dropped_and_another_goes_on(self):
        with serving.in_thread(limits=Limits(terminal_per_s=10)) as server:
            one, other = (terminals.enrolled(server.address) for _ in range(2))
            tid, others = payments.post(one), payments.post(other)
            for _ in range(100):
                one.query(tid)

            assert other.asked(others).state is DatagramState.REQUESTED

            assert terminals.emptied(one.sock, within_s=0.3) <= 30
            assert dropped(server)["pace"] >= 70

    def test_in_vain_from_one_network_bars_it_but_for_who_proved_himself(self):
        with serving.in_thread(limits=Limits(network_per_s=10)) as server:
            one, other = (terminals.enrolled(server.address) for _ in range(2))
            tid = payments.post(one)
            one.asked(tid)
            eventually(lambda: other.number in server.shared.keys, within_s=5)
            for _ in range(200):
                other.send(other.made(DatagramKind.QUERY, tid).encode(bytes(32)))

            assert one.asked(tid).state is DatagramState.REQUESTED

            counted = dropped(server)
            assert counted["network"] >= 100
            assert counted["mac"] + counted["network"] == 200
