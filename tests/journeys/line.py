"""A shop's line to the portal, which a test can cut, or let lose an answer on its way back."""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

_CHUNK = 64 * 1024


@dataclass(kw_only=True)
class Line:
    """A relay of TCP connections to the portal's port."""

    port: int
    is_cut: bool = False
    answers_to_lose: int = 0
    answers_lost: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._hang_up()
        self._thread.join(timeout=5)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Break every connection and take no new one that works."""
        self.is_cut = True
        self._hang_up()

    def mend(self) -> None:
        self.is_cut = False

    def _hang_up(self) -> None:
        while self._open:
            _close(self._open.pop())

    def _accept(self) -> None:
        while True:
            try:
                near, _peer = self._listener.accept()
            except OSError:
                return
            if self.is_cut:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.port))
            self._open += [near, far]
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()
            threading.Thread(target=self._carry_back, args=(far, near), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(_CHUNK):
                far.sendall(data)
        _close(far)

    def _carry_back(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(_CHUNK):
                if self.answers_to_lose:
                    self.answers_to_lose -= 1
                    self.answers_lost += 1
                    break
                near.sendall(data)
        _close(near)


def _close(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
