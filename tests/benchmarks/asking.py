"""A client of the API that costs little: requests made beforehand, one outstanding a connection.

It runs in a process of its own and reads no more of an answer than its length; what it took of its
processor is told, so that nobody mistakes the client's limit for the server's.
"""

import multiprocessing
import os
import selectors
import socket
import statistics
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from django.db import connections

from config.wire import b64, httpsig

TIMEOUT_S = 20.0
_HEAD_ENDS = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Asked(NamedTuple):
    """What came back: the answers in their order by connection, and what asking took."""

    per_s: float
    answers: list[bytes]
    delays_s: list[float]
    client_share: float  # of one core

    @property
    def p99_ms(self):
        return 1000 * statistics.quantiles(self.delays_s, n=100)[98]


def signed(*, origin, method, path, key, keyid, body=b"", headers=()):
    """Return a request's bytes, signed now; it is good for a minute."""
    uri, sent = origin + path, dict(headers)
    if body:
        sent["content-type"] = "application/json"
    sent |= httpsig.sign_request(
        key=key,
        keyid=keyid,
        method=method,
        target_uri=uri,
        headers=sent,
        body=body,
        created=int(time.time()),
        nonce=os.urandom(httpsig.NONCE_BYTES),
    )
    host = urlsplit(origin).netloc
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in sent.items()]
    if method == "POST":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + _HEAD_ENDS + body


def idempotency_key():
    """Return the header a phone sends with every POST."""
    return {"idempotency-key": b64.encode(os.urandom(16))}


def ask(origin, requests):
    """Send ``requests``, a list for each connection, from another process; return what came back.

    Each connection sends its next request when the answer before it is there.
    """
    connections.close_all()
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_tell, args=(theirs, origin, requests)
    )
    process.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        process.join()


class _Line:
    """One connection, and what it has still to ask."""

    def __init__(self, place, requests):
        self.sock = socket.create_connection(place, timeout=TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.waiting = iter(requests)
        self.received, self.answers, self.delays_s = b"", [], []
        self._sent_at = 0.0

    def send_next(self):
        """Return whether there was another request to send."""
        request = next(self.waiting, None)
        if request is not None:
            self._sent_at = time.perf_counter()
            self.sock.sendall(request)
        return request is not None

    def read(self):
        """Return whether the answer is all there."""
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("The server hung up.")
        self.received += data
        head, ends, body = self.received.partition(_HEAD_ENDS)
        if not ends or len(body) < _length_of(head):
            return False
        self.delays_s.append(time.perf_counter() - self._sent_at)
        self.answers.append(self.received)
        self.received = b""
        return True


def _length_of(head):
    for line in head.lower().split(b"\r\n"):
        if line.startswith(_LENGTH):
            return int(line.removeprefix(_LENGTH))
    return 0


def _tell(pipe, origin, requests):
    pipe.send(_ask(urlsplit(origin), requests))
    pipe.close()


def _ask(origin, requests):
    place = (origin.hostname, origin.port)
    lines = [_Line(place, own) for own in requests]
    with selectors.DefaultSelector() as selector:
        began, worked_s = time.perf_counter(), time.process_time()
        for line in lines:
            if line.send_next():
                selector.register(line.sock, selectors.EVENT_READ, line)
        while selector.get_map():
            ready = selector.select(TIMEOUT_S)
            if not ready:
                raise TimeoutError("No answer came.")
            for entry, _events in ready:
                if entry.data.read() and not entry.data.send_next():
                    selector.unregister(entry.fileobj)
        taken_s, worked_s = time.perf_counter() - began, time.process_time() - worked_s
    for line in lines:
        line.sock.close()
    answers = [answer for line in lines for answer in line.answers]
    delays_s = [delay for line in lines for delay in line.delays_s]
    return Asked(len(answers) / taken_s, answers, delays_s, worked_s / taken_s)
