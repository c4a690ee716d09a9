"""A terminal with a real socket: what it sends, and what comes back."""

import dataclasses
import itertools
import os
import socket
import time

from merchants.services.equipment import secret_of
from merchants.wire import tid as tids
from merchants.wire.datagram import Datagram, DatagramKind
from tests.factories import merchants as factory
from tests.journeys.waiting import eventually

_COUNTERS = itertools.count(1)


class Terminal:
    """An enrolled terminal. Its clock may be off by ``off_ms``."""

    def __init__(self, *, number, secret, server, device=None):
        self.number, self.secret, self.server, self.device = number, secret, server, device
        self.off_ms = 0
        self.newest = None
        self.sock = opened()

    def new_tid(self, *, amount, counter=None):
        return tids.tid(
            number=self.number,
            counter=next(_COUNTERS) if counter is None else counter,
            random=int.from_bytes(os.urandom(3)),
            amount=amount,
            currency="KRW",
            order="",
            secret=self.secret,
        )

    def move(self):
        """Get another address, as behind a router that forgot the mapping."""
        self.sock.close()
        self.sock = opened()

    def made(self, kind, tid, **fields):
        """Return a datagram of this terminal, made now."""
        told = {"nonce": os.urandom(8), "ms": int(time.time() * 1000) + self.off_ms}
        return Datagram(kind=kind, terminal=self.number, tid=tid, **{**told, **fields})

    def send(self, datagram):
        """Send a datagram, or bytes as they are; return it."""
        data = datagram if isinstance(datagram, bytes) else datagram.encode(self.secret)
        self.sock.sendto(data, self.server)
        return datagram

    def register(self, tid, **fields):
        return self.send(self.made(DatagramKind.REGISTER, tid, **fields))

    def query(self, tid, **fields):
        return self.send(self.made(DatagramKind.QUERY, tid, **fields))

    def acknowledge(self, result, **fields):
        told = {"nonce": result.nonce, "number": result.number, **fields}
        return self.send(self.made(DatagramKind.RESULT_ACK, result.tid, **told))

    def received(self, within_s=5.0):
        """Return the next datagram, authenticated; fail when none comes."""
        self.sock.settimeout(within_s)
        data, source = self.sock.recvfrom(2048)
        assert source == self.server
        self.newest = Datagram.decode(data, self.secret)
        return self.newest

    def empty(self):
        """Forget what has come so far."""
        emptied(self.sock)

    def nothing(self, within_s=0.4):
        """Say whether nothing comes for a while."""
        self.sock.settimeout(within_s)
        try:
            self.sock.recvfrom(2048)
        except TimeoutError:
            return True
        return False

    def asked(self, tid):
        """Query and return the answer to it, whatever results come in between."""
        query = self.query(tid)
        while True:
            told = self.received()
            if told.kind is DatagramKind.STATE and told.nonce == query.nonce:
                return told

    def registered(self, tid, **fields):
        """Register and return the answer."""
        register = self.register(tid, **fields)
        told = self.received()
        assert (told.kind, told.nonce) == (DatagramKind.REGISTERED, register.nonce)
        return told

    def result(self, within_s=5.0):
        told = self.received(within_s)
        assert told.kind is DatagramKind.RESULT
        return told


def enrolled(server, *, store=None, kind="TERMINAL"):
    """Return a new terminal of a shop."""
    device, _key = factory.enrolled(kind=kind, store=store)
    return of(device, server)


def of(device, server):
    """Return an enrolled device with a socket."""
    equipment = device.equipment
    return Terminal(
        number=equipment.number,
        secret=secret_of(equipment=equipment),
        server=server,
        device=device,
    )


def until(terminal, tid, state, within_s=5.0):
    """Ask until ``state`` is told; fail when it takes longer."""
    return eventually(lambda: terminal.asked(tid).state is state, within_s=within_s, every_s=0.02)


def falls_silent(terminal, tid, within_s):
    """Ask until no answer comes any more; fail when it takes longer."""

    def is_silent():
        terminal.query(tid)
        return terminal.nothing(within_s=0.2)

    return eventually(is_silent, within_s=within_s, every_s=0.05)


def next_with_number(terminal, number):
    """Return the next result with a message number, letting older ones pass."""
    while (told := terminal.result()).number != number:
        pass
    return told


def next_of(terminal, tid):
    """Return the next result of a T-ID, letting others pass."""
    while (told := terminal.result()).tid != tid:
        pass
    return told


def acknowledged(terminal, tids):
    """Acknowledge every result until one of each T-ID came; return all that came."""
    told = []
    while {each.tid for each in told} != set(tids):
        told.append(terminal.result())
        terminal.acknowledge(told[-1])
    return told


def emptied(sock, within_s=0.05):
    """Take all that has come to ``sock``, or comes within a while; say how many there were."""
    return len(_taken(sock, within_s))


def bytes_in(sock, within_s=0.05):
    """Take it likewise; say how many bytes that was."""
    return sum(map(len, _taken(sock, within_s)))


def _taken(sock, within_s):
    sock.settimeout(within_s)
    taken = []
    while True:
        try:
            taken.append(sock.recv(65_536))
        except TimeoutError:
            return taken


def changed(datagram, **fields):
    return dataclasses.replace(datagram, **fields)


def opened():
    """Return a socket with an address of its own."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock
