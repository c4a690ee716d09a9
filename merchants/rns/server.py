"""One process of the result notification server: its socket, its receive loop, its threads."""

import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import psycopg
from django.db import DatabaseError, InterfaceError, connection

from merchants.rns.clerk import Clerk
from merchants.rns.desk import Desk
from merchants.rns.feed import Feed
from merchants.rns.shared import Limits, Shared, Statuses

LOOP: Final = "loop"
RECONNECT_S: Final = 1.0
RECEIVE_BUFFER: Final = 4 * 2**20
_BUFFER: Final = 256  # longer datagrams are cut to this, and are too long all the same
_TURN_S: Final = 0.25

logger = logging.getLogger(__name__)


class Server:
    """Serves one address; any number of processes may serve the same one (SO_REUSEPORT)."""

    def __init__(
        self, *, host: str, port: int, statuses: Statuses, limits: Limits | None = None
    ) -> None:
        """
        Take the address; datagrams wait in the socket until :meth:`run`.

        :raises OSError: the address is not ours, or taken by somebody who does not share it
        """
        sock = _listening(host, port)
        self.address: tuple[str, int] = sock.getsockname()[:2]
        self.shared = Shared(sock=sock, lookup=statuses, limits=limits or Limits())
        self._answering = self.shared.answering()
        desk, feed = Desk(shared=self.shared), Feed(shared=self.shared)
        name = f"{socket.gethostname()[:60]}-{os.getpid()}"
        self._clerk = Clerk(shared=self.shared, desk=desk, feed=feed, name=name)
        self._parts = {"desk": desk.serve, "feed": feed.serve, "clerk": self._clerk.serve}
        self._failed: list[str] = []

    def counts(self) -> dict[str, Any]:
        """Return what this process counted since it began."""
        return self._clerk.counts()

    def run(self, stop: threading.Event) -> None:
        """
        Serve until ``stop``.

        :raises RuntimeError: a thread ended for a reason that is not the database's
        """
        threads = [
            threading.Thread(target=self._keep, args=(name, part, stop), name=f"rns-{name}")
            for name, part in self._parts.items()
        ]
        for thread in threads:
            thread.start()
        try:
            self._receive(stop)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            self.shared.sock.close()
            self._finish()
        if self._failed:
            raise RuntimeError(f"ended: {', '.join(self._failed)}")

    def _finish(self) -> None:
        try:
            self._clerk.finish()
        except (DatabaseError, InterfaceError) as lost:
            logger.warning("the last lines were not written: %s", type(lost).__name__)
        finally:
            connection.close()

    def _receive(self, stop: threading.Event) -> None:
        """Answer datagrams, one after the other, into the same buffer."""
        sock, take = self.shared.sock, self._answering.take
        receive, send, clock = sock.recvfrom_into, sock.sendto, time.time
        buffer = memoryview(bytearray(_BUFFER))
        turn_due = 0.0
        while True:
            try:
                size, source = receive(buffer)
                at = clock()
                answer = take(bytes(buffer[:size]), source, at)
                if answer is not None:
                    send(answer, socket.MSG_DONTWAIT, source)
            except OSError:  # none came for a while, or one could not be sent: it is asked again
                at = clock()
            if at >= turn_due:
                if stop.is_set():
                    return
                self.shared.turned(LOOP)
                self._clerk.forget_old_secrets()
                turn_due = at + _TURN_S

    def _keep(
        self, name: str, part: Callable[[threading.Event], None], stop: threading.Event
    ) -> None:
        """Let a thread go on after the database was away; end the process for any other reason."""
        while not stop.is_set():
            try:
                part(stop)
            except (DatabaseError, InterfaceError, psycopg.Error) as lost:
                logger.warning("the database is away: %s", type(lost).__name__)
                stop.wait(RECONNECT_S)
            except Exception:
                logger.exception("the %s ended", name)
                self._failed.append(name)
                stop.set()
            finally:
                with suppress(DatabaseError, InterfaceError):
                    connection.close()


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[
        0
    ]
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    # The system's own timeout: Python's would poll before every receive.
    seconds, microseconds = divmod(int(_TURN_S * 1_000_000), 1_000_000)
    sock.setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", seconds, microseconds)
    )
    sock.bind(address)
    return sock
