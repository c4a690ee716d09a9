"""The network between a simulated device and the portal, and what goes wrong with it on purpose."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

import httpx

_TIMEOUT_S: Final = 5.0
_UPLOAD: Final = "/reader/batches"


class Cut(IntEnum):
    """Where the next upload is interrupted."""

    BODY = 0  # half of the bytes reach the portal
    ANSWER = 1  # all of them do, and the answer is lost


class Network(httpx.BaseTransport):
    """HTTP to the portal. ``away`` takes it down; ``cut`` interrupts the next upload of a batch.

    While the wire is waited for, the device's lock is let go: a reader takes taps while it uploads.
    """

    def __init__(self, *, lock: threading.Lock, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self._lock = lock
        self.away = False
        self.cut: Cut | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry ``request`` out, or fail as a network does."""
        if self.away:
            raise httpx.ConnectError("This device has no network.", request=request)
        cut = None
        if request.method == "POST" and request.url.path.endswith(_UPLOAD):
            cut, self.cut = self.cut, None
        with released(self._lock):
            if cut is Cut.BODY:
                self._send_half(request)
                raise httpx.WriteError("The connection broke.", request=request)
            response = self._inner.handle_request(request)
        if cut is Cut.ANSWER:
            response.close()
            raise httpx.ReadError("The connection broke.", request=request)
        return response

    def _send_half(self, request: httpx.Request) -> None:
        if isinstance(self._inner, httpx.HTTPTransport):
            _break_off(request)
            return
        half = request.content[: len(request.content) // 2]
        headers = {**request.headers, "content-length": str(len(half))}
        self._inner.handle_request(
            httpx.Request(request.method, request.url, headers=headers, content=half)
        ).close()

    def close(self) -> None:
        """Close the connections kept open."""
        self._inner.close()


def client(network: Network) -> httpx.Client:
    """Return an HTTP client over ``network`` that no proxy variable leads astray."""
    return httpx.Client(transport=network, timeout=_TIMEOUT_S, trust_env=False)


@contextmanager
def released(lock: threading.Lock) -> Iterator[None]:
    """Let go of a lock the caller holds while the block waits for something slow."""
    lock.release()
    try:
        yield
    finally:
        lock.acquire()


def _break_off(request: httpx.Request) -> None:
    """Send headers that promise the whole body, and half of it."""
    target = request.url.raw_path.decode()
    head = [f"{request.method} {target} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in request.headers.items()]
    address = (request.url.host, request.url.port or 80)
    with socket.create_connection(address, timeout=_TIMEOUT_S) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        connection.sendall(request.content[: len(request.content) // 2])
