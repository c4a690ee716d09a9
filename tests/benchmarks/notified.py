"""The result notification server of the C benchmarks, its peer, and who asks and who disturbs.

Server and peer are processes of their own; the asker has 64 queries outstanding, signed beforehand.
"""

import hmac
import multiprocessing
import os
import random
import signal
import socket
import statistics
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, perf_counter, sleep, time
from typing import NamedTuple

from django.db import connection

from merchants.rns.server import Server
from merchants.rns.shared import Limits
from merchants.rules.statuses import Status
from merchants.services.equipment import secret_of
from merchants.wire import tid as tids
from merchants.wire.datagram import LENGTH, Datagram, DatagramKind, DatagramState
from settlement.selectors.tids import statuses
from tests.factories.merchants import enrolled

HOST = "127.0.0.1"
OUTSTANDING = 64
ANSWER_WITHIN_S = 2.0
_AMOUNT = 12_500
_DIGEST = "sha256"


class Till:
    """An enrolled terminal with so many open T-IDs."""

    def __init__(self, *, open_tids):
        device, _key = enrolled(kind="TERMINAL")
        self.number = device.equipment.number
        self.secret = secret_of(equipment=device.equipment)
        self.tids = [
            tids.tid(
                number=self.number,
                counter=count % tids.COUNTER_LIMIT,
                random=count % tids.RANDOM_LIMIT,
                amount=_AMOUNT,
                currency="KRW",
                order="",
                secret=self.secret,
            )
            for count in range(open_tids)
        ]

    def statuses(self):
        for tid in self.tids:
            yield Status(
                tid=tid,
                number=self.number,
                state="REQUESTED",
                amount_minor=_AMOUNT,
                currency="KRW",
                approval_code="",
            )

    def queries(self, count, *, seed=0):
        """Return signed queries for T-IDs drawn at random; they are good for 30 s."""
        drawn = random.Random(seed).choices(self.tids, k=count)
        return [self.query(tid, nonce=place.to_bytes(8)) for place, tid in enumerate(drawn)]

    def query(self, tid, *, nonce):
        made = Datagram(
            kind=DatagramKind.QUERY,
            terminal=self.number,
            nonce=nonce,
            ms=int(time() * 1000),
            tid=tid,
        )
        return made.encode(self.secret)

    def is_right(self, answer):
        """Say whether an answer tells what this till's payments are, under a good MAC."""
        told = Datagram.decode(answer, self.secret)
        return (told.kind, told.state, told.amount) == (
            DatagramKind.STATE,
            DatagramState.REQUESTED,
            _AMOUNT,
        )


@contextmanager
def server(till, *, per_s=10_000_000):
    """Serve ``till``'s T-IDs out of memory in a process of its own, with all its threads."""
    limits = Limits(terminal_per_s=per_s, tids=4 * len(till.tids))
    served = Server(host=HOST, port=0, statuses=statuses, limits=limits)
    served.shared.statuses.put(till.statuses())
    with _process(_serve, served) as pid:
        yield Served(served.address, pid)
    served.shared.sock.close()


@contextmanager
def echo(till, *, mac=None):
    """Serve the peer: it checks a MAC, makes one, and knows nothing.

    Its MAC is the standard library's ``hmac.digest``, unless ``mac`` makes another from a body.
    """
    mac = mac or (lambda body: hmac.digest(till.secret, body, _DIGEST)[:16])
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        with _process(_echo, sock, mac) as pid:
            yield Served(sock.getsockname(), pid)


class Served(NamedTuple):
    """A server's address, and its process."""

    address: tuple[str, int]
    pid: int

    def cpu_s(self):
        """Return the processor time its threads took so far, in seconds; 0 off Linux."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


class Asked(NamedTuple):
    """How many queries a second were answered, with what, at what cost, and how many were lost."""

    per_s: float
    cpu_us: float  # of the server's, for each
    answers: list[bytes]
    lost: int


def rate(served, queries):
    """Ask all of ``queries``, 64 outstanding."""
    answers, lost, before_s = [], 0, served.cpu_s()
    waiting = iter(queries)
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(ANSWER_WITHIN_S)
        sock.connect(served.address)
        begun = perf_counter()
        out = sum(1 for query in _first(waiting, OUTSTANDING) if sock.send(query))
        while out:
            try:
                answers.append(sock.recv(256))
            except TimeoutError:
                lost, out = lost + out, 0
            else:
                out -= 1
            for query in _first(waiting, OUTSTANDING - out if not out else 1):
                sock.send(query)
                out += 1
        taken = perf_counter() - begun - (ANSWER_WITHIN_S if lost else 0)
    cpu_us = 1e6 * (served.cpu_s() - before_s) / max(1, len(answers))
    return Asked(len(answers) / taken, cpu_us, answers, lost)


def delays(address, till, *, per_s, count):
    """Ask ``count`` times at an even pace; return the delays (s) of what was answered."""
    sent, delays_s = {}, []
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        begun = monotonic()
        for place in range(count):
            due = begun + place / per_s
            while (left := due - monotonic()) > 0:
                sock.settimeout(left)
                _take(sock, sent, delays_s)
            nonce = os.urandom(8)
            sent[nonce] = perf_counter()
            sock.send(till.query(till.tids[place % len(till.tids)], nonce=nonce))
        sock.settimeout(0.5)
        while sent and _take(sock, sent, delays_s):
            pass
    return delays_s


def _take(sock, sent, delays_s):
    try:
        answer = sock.recv(256)
    except (TimeoutError, BlockingIOError):
        return False
    delays_s.append(perf_counter() - sent.pop(answer[8:16]))
    return True


@contextmanager
def garbage(address, till, *, per_s):
    """Send so much a second from a process of its own: noise, forged MACs, unknown terminals.

    Gives a counter of what was sent.
    """
    sent = multiprocessing.get_context("fork").Value("q", 0)
    with _process(_litter, address, _garbage(till), per_s, sent):
        yield sent


def _garbage(till):
    random_ = random.Random(1)
    for place in range(3000):
        noise = random_.randbytes(LENGTH)
        good = till.query(till.tids[place % len(till.tids)], nonce=noise[:8])
        stranger = good[:4] + noise[:4] + good[8:]
        yield (noise, good[:112] + noise[:16], stranger)[place % 3]


def _litter(address, datagrams, per_s, sent):
    made = list(datagrams)
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        begun, count = monotonic(), 0
        while True:
            due = int((monotonic() - begun) * per_s)
            for place in range(count, due):
                sock.send(made[place % len(made)])
            count = sent.value = max(count, due)
            sleep(0.001)


def _first(iterator, count):
    for _ in range(count):
        try:
            yield next(iterator)
        except StopIteration:
            return


def _serve(served):
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    sys.setswitchinterval(0.0005)
    served.run(stop)


def _echo(sock, mac):
    buffer = memoryview(bytearray(256))
    while True:
        size, source = sock.recvfrom_into(buffer)
        data = bytes(buffer[:size])
        body = data[:112]
        if hmac.compare_digest(mac(body), data[112:]):
            sock.sendto(body + mac(body), source)


@contextmanager
def _process(target, *arguments):
    connection.close()  # each process opens its own
    process = multiprocessing.get_context("fork").Process(
        target=target, args=arguments, daemon=True
    )
    process.start()
    try:
        yield process.pid
    finally:
        process.terminate()
        process.join(10)


def curve(*, sizes, rounds, queries):
    """Return Markdown: queries a second against open T-IDs, and against the bare echo."""
    heads = "| open T-IDs | queries a second | from | to | of the bare echo |"
    lines = [heads, "|---:|---:|---:|---:|---:|"]
    for size in sizes:
        till = Till(open_tids=size)
        with ExitStack() as running:
            ours, peer = running.enter_context(server(till)), running.enter_context(echo(till))
            pairs = [
                tuple(rate(at, till.queries(queries, seed=number)).per_s for at in (ours, peer))
                for number in range(rounds)
            ]
        rates = [own for own, _peer in pairs]
        share = statistics.median(own / other for own, other in pairs)
        lines.append(
            f"| {size:,} | {statistics.median(rates):,.0f} | {min(rates):,.0f} |"
            f" {max(rates):,.0f} | {share:.2f} |"
        )
    return "\n".join(lines) + f"\n\n({queries:,} queries a round, {OUTSTANDING} outstanding)\n"
