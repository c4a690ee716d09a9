"""Attacks on T-IDs and on the status query over UDP, row by row: one test a statement.

The longer ones stand where the rules live: ``tests/rns``, ``tests/devices``, ``tests/fuzz``.
"""

import contextlib
import random
import subprocess
import sys
import time
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from config.refusals import Refused
from config.wire.client import PortalRefused
from config.wire.errors import WireError
from merchants.models import ResultNotification
from merchants.rules import answering
from merchants.wire import tid as tids
from merchants.wire.datagram import LENGTH, Datagram, DatagramKind, DatagramState
from settlement.models import Payment, Transfer
from settlement.services import payments
from settlement.services.payments import requests
from tests.clients import session_of
from tests.devices.parties import NOON as AT_NOON
from tests.devices.test_payment_model import TrustingTerminal
from tests.devices.tills import Counter, TillDisk
from tests.devices.tills import terminal as till_on
from tests.factories import requests as made
from tests.journeys.waiting import eventually
from tests.rns import serving, terminals
from tests.rns.test_bad_input import bytes_out, dropped, forged, garbage, known, sealed

__all__ = ["known"]

ROOT = Path(__file__).parents[2]
GARBAGE_PER_S, QUERIES, P99_S, ROUNDS = 5_000, 200, 0.1, 3


@pytest.fixture
def server(transactional_db):
    with serving.in_thread() as running:
        yield running


@pytest.fixture
def terminal(server):
    return terminals.enrolled(server.address)


@pytest.fixture
def shop(db):
    return made.terminal()


def refusal(act, *args, **more):
    with pytest.raises(Refused) as refused:
        act(*args, **more)
    return refused.value.code


def asks(shop, asked, at):
    made_, _new = payments.request(device=shop.device, asked=asked, at=at)
    return made_


class TestReplayOfATid:
    """A T-ID stands for one request for ever."""

    @pytest.fixture
    def paid(self, shop, noon):
        asked = shop.asked()
        made.payer().pays(asks(shop, asked, noon), at=noon)
        return asked

    def test_on_an_ended_one_nothing_is_paid_again(self, shop, paid, noon):
        later = noon + timedelta(days=400)

        assert asks(shop, paid, later).state == "APPROVED"
        assert refusal(made.payer().claims, asks(shop, paid, later), at=later) == "payment_final"
        assert Payment.objects.count() == 1
        assert Transfer.objects.filter(payment__isnull=False).count() == 1

    @pytest.mark.parametrize(
        "change", [{"amount_minor": 1}, {"currency": "USD"}, {"order": "B"}, {"bill_digest": b"x"}]
    )
    def test_for_something_else_it_is_refused(self, shop, paid, noon, change):
        assert refusal(asks, shop, paid._replace(**change), noon) == "tid_reused"

    def test_control_a_portal_that_compares_nothing_takes_it(self, shop, paid, noon, monkeypatch):
        other = paid._replace(amount_minor=1)
        monkeypatch.setattr(requests, "_said", lambda _request: other)

        assert asks(shop, other, noon).state == "APPROVED"


class TestAForgedOrGuessedTid:
    """The digest covers what is asked; over UDP a MAC comes before every word."""

    def forged(self, shop, amount=1):
        """Return a T-ID of the terminal's number, made without its secret."""
        place = shop.place
        told = {"counter": 9, "random": 9, "amount": amount, "currency": "KRW", "order": ""}
        return shop.asked()._replace(
            tid=tids.tid(number=place.number, secret=bytes(32), **told), amount_minor=amount
        )

    def test_one_made_without_the_secret_asks_for_nothing(self, shop, noon):
        assert refusal(asks, shop, self.forged(shop), noon) == "tid_digest_mismatch"
        assert not Payment.objects.exists()

    def test_control_without_the_digest_it_would(self, shop, noon, monkeypatch):
        monkeypatch.setattr(requests, "_check_digest", lambda *_: None)

        assert asks(shop, self.forged(shop), noon).state == "REQUESTED"

    def test_a_query_with_a_bad_mac_gets_no_datagram(self, terminal, known):
        assert bytes_out(terminal, *forged(terminal, known)) == 0

    def test_an_unknown_one_gets_an_equal_datagram_that_says_so(self, terminal):
        terminal.query("T" + "0" * 22)
        data = terminal.sock.recv(2048)

        told = Datagram.decode(data, terminal.secret)
        assert (len(data), told.state, told.amount) == (LENGTH, DatagramState.UNKNOWN, 0)

    def test_a_phone_that_guesses_hears_nothing_of_it(self, shop):
        payer = made.payer(at=timezone.now() - timedelta(hours=1))
        phone = session_of(key=payer.key, device=payer.phone)
        for guess in ("T" + "0" * 22, shop.asked().tid, "x", "T" * 64):
            with pytest.raises(PortalRefused) as refused:
                phone.post(f"/wallet/payments/{guess}/claim")
            assert (refused.value.status, refused.value.code) == (404, "tid_unknown")


class TestAMerchantSwappedInATid:
    """Who is paid is the portal's to say, by the terminal that signed."""

    def test_another_terminals_tid_is_refused(self, shop, noon):
        thief = made.terminal()

        assert refusal(asks, thief, shop.asked(), noon) == "wrong_terminal"

    def test_the_phone_shows_the_name_the_portal_has(self, shop):
        payer = made.payer(at=timezone.now() - timedelta(hours=1))
        phone = session_of(key=payer.key, device=payer.phone)
        request = shop.asks(at=timezone.now())

        told = phone.post(f"/wallet/payments/{request.tid}/claim").json()

        merchant = shop.place.merchant
        assert told["merchant"] == {"id": merchant.reference, "name": merchant.name}

    def test_over_udp_another_terminals_is_unknown(self, server, terminal, known):
        thief = terminals.enrolled(server.address)

        assert thief.asked(known).state is DatagramState.UNKNOWN


class TestASpoofedPaid:
    """The till believes a MAC over its own nonce; money is what the ledger says."""

    def spoofed(self, till):
        """Return a till that heard "paid" from a stranger, in every kind there is."""
        sale = Counter(till).sell()
        sale.accept()
        nonce = sale.sent[0].nonce
        for kind in (DatagramKind.REGISTERED, DatagramKind.STATE, DatagramKind.RESULT):
            paid = sale.datagram(kind, DatagramState.APPROVED, nonce=nonce, number=1)
            sale.hear(paid.encode(b"stranger" * 4))
        return sale

    def test_is_not_believed_and_waiting_goes_on(self):
        sale = self.spoofed(till_on(TillDisk()))

        assert sale.display == "requested"
        assert sale.wait(2.4).sent[0].kind is DatagramKind.REGISTER
        assert sale.at > AT_NOON

    def test_control_a_till_without_macs_shows_paid(self):
        assert self.spoofed(till_on(TillDisk(), cls=TrustingTerminal)).display == "paid"


class TestReflection:
    """Bytes out / bytes in is at most 1.0, and 0 for a bad MAC."""

    def test_no_input_is_answered_with_more_than_it_brought(self, terminal, known):
        inputs = list(garbage(terminal, known, seed=44, count=1500))

        assert 0 < bytes_out(terminal, *inputs) <= sum(map(len, inputs))

    def test_control_without_macs_a_stranger_is_answered(self, terminal, known, monkeypatch):
        monkeypatch.setattr(answering.hmac, "compare_digest", lambda *_: True)

        assert bytes_out(terminal, *forged(terminal, known)) > 0


class TestAReplayedQuery:
    """It costs one answer of its own size, for half a minute, and changes nothing."""

    def test_gets_one_equal_answer(self, terminal, known):
        query = terminal.made(DatagramKind.QUERY, known).encode(terminal.secret)

        assert bytes_out(terminal, query, query) == 2 * LENGTH
        assert not ResultNotification.objects.exists()

    def test_gets_none_half_a_minute_later(self, terminal, known):
        long_ago = int(time.time() * 1000) - 30_100
        query = terminal.made(DatagramKind.QUERY, known, ms=long_ago)

        assert bytes_out(terminal, query) == 0


class TestAFlood:
    """Garbage from another process keeps no valid query from its answer."""

    def p99_s(self, terminal, tid):
        """Return how long the slowest but one in a hundred of the valid queries took."""
        took = []
        for _ in range(QUERIES):
            began = time.monotonic()
            terminal.asked(tid)
            took.append(time.monotonic() - began)
        return sorted(took)[QUERIES * 99 // 100 - 1]

    def flooded(self, server, terminal, tid):
        before = sum(dropped(server).values())
        host, port = terminal.server
        words = [str(GARBAGE_PER_S), "30"]
        flood = subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.garbage", host, str(port), *words], cwd=ROOT
        )
        try:
            eventually(lambda: sum(dropped(server).values()) > before + GARBAGE_PER_S, within_s=20)
            return self.p99_s(terminal, tid)
        finally:
            flood.kill()
            flood.wait(10)

    def test_valid_queries_are_answered_in_time(self, server, terminal, known):
        # This machine may be busy with other things for a while; a server that gives way is always.
        best = min(self.flooded(server, terminal, known) for _ in range(ROUNDS))

        assert best < P99_S


class TestOddDatagrams:
    """No fault leaves the decoder, whatever comes, and its memory stays flat."""

    def odd(self, count):
        rng, secret = random.Random(128), bytes(32)
        for _ in range(count):
            length = rng.choice([0, 1, 127, 128, 128, 128, 129, 1200, 65_507])
            body = rng.randbytes(length)
            yield rng.choice([body, sealed(b"PD\1" + body[:109], secret), b"\x9f" * length])

    def test_are_refused_one_by_one(self):
        sound = 0
        for data in self.odd(5_000):
            try:
                Datagram.decode(data, bytes(32))
            except WireError:
                continue
            sound += 1

        assert sound < 5_000

    def test_leave_no_memory_behind(self):
        def read(count):
            for data in self.odd(count):
                with contextlib.suppress(WireError):
                    Datagram.decode(data, bytes(32))

        read(500)
        tracemalloc.start()
        try:
            read(2_000)
            held, _peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert held < 64 * 1024
