"""Pages and sockets as two servers on the test database, so that one of them can be killed.

A browser's event loop keeps the ORM out of the thread it runs in: what a test does to the database
goes through ``Portal.do``, to a thread of its own.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, connections

from config import sequencer

GRANIAN = (sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws")
UVICORN = (sys.executable, "-m", "uvicorn", "--log-level", "warning")
AT_HOME = ("--host", "127.0.0.1", "--port")
UP_WITHIN_S = 60


@dataclass
class Portal:
    """Where the servers listen, and the thread that may use the database."""

    web: int
    sockets: int
    environment: dict[str, str]
    thread: ThreadPoolExecutor
    server: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.web}"

    def do[T](self, act: Callable[..., T], *words: object, **named: object) -> T:
        """Call ``act`` where the database may be used, and return what it returns."""
        return self.thread.submit(act, *words, **named).result(30)

    def open_sockets(self) -> None:
        """Start the socket server and wait until it listens."""
        words = (*UVICORN, *AT_HOME, str(self.sockets), "config.asgi:application")
        self.server = subprocess.Popen(words, env=self.environment)
        until_open(self.sockets)

    def kill_sockets(self) -> None:
        """End the socket server at once, as a crash does."""
        if self.server is not None:
            self.server.kill()
            self.server.wait(10)
            self.server = None


@contextmanager
def serving(*, data_folder: Path) -> Iterator[Portal]:
    """Serve pages and sockets from the test database, and number its events."""
    portal = _portal(data_folder)
    web = subprocess.Popen(
        (*GRANIAN, *AT_HOME, str(portal.web), "config.wsgi:application"), env=portal.environment
    )
    stop = threading.Event()
    numbers = threading.Thread(target=sequencer.run, kwargs={"stop": stop}, daemon=True)
    try:
        numbers.start()
        portal.open_sockets()
        until_open(portal.web)
        yield portal
    finally:
        portal.kill_sockets()
        web.terminate()
        web.wait(10)
        stop.set()
        numbers.join(10)
        portal.do(connections.close_all)
        portal.thread.shutdown()


def _portal(data_folder: Path) -> Portal:
    web, sockets = free_port(), free_port()
    told = connection.settings_dict
    host = told["HOST"] or told["OPTIONS"].get("host", "")
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://portal@/{told['NAME']}?host={host}",
        "PAYDESK_DATA_DIR": str(data_folder),
        "PAYDESK_DEMO": "1",
        "PAYDESK_ORIGIN": f"http://127.0.0.1:{web}",
        "PAYDESK_SOCKETS_ORIGIN": f"ws://127.0.0.1:{sockets}",
    }
    return Portal(web, sockets, environment, ThreadPoolExecutor(max_workers=1))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until_open(port: int) -> None:
    """Wait until something listens on ``port``."""
    deadline = time.monotonic() + UP_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, f"nothing listens on {port}"
            time.sleep(0.1)
        else:
            return
