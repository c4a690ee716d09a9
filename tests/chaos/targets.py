"""The parts that get killed: which processes they are, and when they serve again."""

import os
import signal
import socket
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
from django.conf import settings

from config.stack import places, postgres, valkey

WORDS = {
    "web": "-m granian",
    "worker": "-m celery -A config worker",
    "valkey": "valkey-server",
    "postgres": "/bin/postgres -D",
}
ASKED_S = 2


class Stack:
    """The portal that started us, seen from outside: processes, sockets, its database."""

    def __init__(self):
        self._supervisor = os.getppid()
        self._places = places.locate(data_dir=str(settings.DATA_DIR))
        self._whole = {target: len(self.processes(target)) for target in WORDS}

    def processes(self, target):
        """Return the target's process ids, the one the supervisor started first."""
        found = {pid: words for pid, words in _below(self._supervisor) if WORDS[target] in words}
        if target == "postgres":  # its backends come and go, and bear names of their own
            main = postgres.running_pid(self._places)
            return [main] if main else []
        return sorted(found, key=lambda pid: (_parent(pid) != self._supervisor, pid))

    def main(self, target):
        return self.processes(target)[:1]

    def children(self, target):
        return self.processes(target)[1:]

    def serves(self, target):
        """Return whether the target is all there again and answers."""
        return len(self.processes(target)) >= self._whole[target] and _ANSWERS[target](self)

    def backends(self):
        """Return the process ids of other connections to the database."""
        with self.database() as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
                " AND pid <> pg_backend_pid() ORDER BY pid"
            ).fetchall()
        return [pid for (pid,) in rows]

    def end_backend(self, pid):
        with self.database() as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])

    def flush(self):
        """Make Valkey forget all it holds."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ASKED_S)
            connection.connect(str(self._places.valkey_socket))
            connection.sendall(b"FLUSHALL\r\n")
            assert connection.recv(16).startswith(b"+OK")

    @contextmanager
    def stopped(self, target):
        """Hold all processes of a server still, as on a machine that stalls."""
        held = self.processes(target)
        if target == "postgres":
            held += [pid for pid, _words in _below(held[0])]
        for pid in held:
            _send(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in held:
                _send(pid, signal.SIGCONT)

    @contextmanager
    def database(self):
        """Yield a connection of our own; there may be none at the moment.

        :raises OperationalError: the database is away
        """
        with psycopg.connect(
            os.environ["DATABASE_URL"], autocommit=True, connect_timeout=ASKED_S
        ) as connection:
            yield connection

    def is_database_up(self):
        try:
            with self.database() as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def is_web_up(self):
        try:
            answer = httpx.get(f"{settings.ORIGIN}/readyz", timeout=ASKED_S, trust_env=False)
        except httpx.HTTPError:
            return False
        # Without its database it is not ready, but there all the same.
        return answer.status_code in {200, 503}

    def is_valkey_up(self):
        return valkey.is_ready(self._places)


_ANSWERS = {
    "web": Stack.is_web_up,
    "worker": lambda _stack: True,  # what it does tells more: see Nemesis
    "valkey": Stack.is_valkey_up,
    "postgres": Stack.is_database_up,
}


def kill(pid):
    """Kill a process outright."""
    _send(pid, signal.SIGKILL)


def _send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended before we came


def _below(parent):
    """Return all processes below ``parent`` with their command lines."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        pid = int(stat.parent.name)
        if _parent(pid) != parent:
            continue
        try:
            words = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        found.append((pid, words))
        found += _below(pid)
    return found


def _parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0
