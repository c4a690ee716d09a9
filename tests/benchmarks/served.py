"""The programs of ``./paydesk up`` beside a benchmark, on the database of its run."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings
from django.db import connection

from config.stack import places as folders
from config.stack import programs
from config.stack.program import Program, last_lines

HOST = "127.0.0.1"
UP_WITHIN_S = 60


@dataclass(frozen=True, kw_only=True)
class Portal:
    """Where the programs listen; ``pids`` by the name of each."""

    port: int
    pids: dict[str, int]

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def sockets(self) -> str:
        return f"ws://{HOST}:{self.port + 1}"


@contextmanager
def portal(*names: str) -> Iterator[Portal]:
    """Run the programs of ``names`` until the block ends; those that listen do so by then."""
    port = _two_free_ports()
    places = replace(folders.locate(), data=Path(settings.DATA_DIR))
    (places.logs).mkdir(parents=True, exist_ok=True)
    table = programs.table(places=places, environment=_environment(port), port=port, simulate=False)
    with ExitStack() as running:
        pids = {
            program.name: running.enter_context(_running(program))
            for program in table
            if program.name in names
        }
        for name, at in (("web", port), ("sockets", port + 1)):
            if name in names:
                _until_open(at, log=places.logs / f"{name}.log")
        yield Portal(port=port, pids=pids)


@contextmanager
def _running(program: Program) -> Iterator[int]:
    program.before()
    with program.log.open("ab") as log:
        process = subprocess.Popen(
            program.argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=program.folder,
            env=dict(program.environment),
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        process.send_signal(program.stop_signal)
        try:
            process.wait(program.stop_within_s)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its own session, begun above
            process.wait()


def _environment(port: int) -> dict[str, str]:
    """Return our variables with this run's database and addresses in them."""
    connection.ensure_connection()
    info = connection.connection.info
    return os.environ | {
        "DATABASE_URL": f"postgresql://{info.user}@/{info.dbname}?host={info.host}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PAYDESK_DATA_DIR": str(settings.DATA_DIR),
        "PAYDESK_ORIGIN": f"http://{HOST}:{port}",
        "PAYDESK_SOCKETS_ORIGIN": f"ws://{HOST}:{port + 1}",
    }


def _two_free_ports() -> int:
    """Return a port that is free, as the one after it is."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind((HOST, 0))
            port: int = first.getsockname()[1]
            with suppress(OSError, OverflowError):
                second.bind((HOST, port + 1))
                return port


def _until_open(port: int, *, log: Path) -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while True:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"Nothing listens on {port}:\n{last_lines(log, count=20)}")
        time.sleep(0.1)
