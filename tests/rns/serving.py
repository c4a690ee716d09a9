"""The server under test: in a thread of this process, or in processes of its own."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta

from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from merchants.models import NotificationProcess
from merchants.rns.server import Server
from tests.journeys.waiting import eventually
from tests.rns import payments, zygote


@contextmanager
def in_thread(*, port=0, statuses=payments.statuses, limits=None):
    """Serve in a thread of this process; give the server."""
    server = Server(host="127.0.0.1", port=port, statuses=statuses, limits=limits)
    stop = threading.Event()

    def run():
        server.run(stop)
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield server
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


class Process:
    """A process of the server, by its id; how it is waited for depends on how it was made."""

    def __init__(self, pid, wait):
        self.pid, self._wait = pid, wait

    def started(self):
        """Return this process once it serves; its id may have been another's before."""
        just_now = timezone.now() - timedelta(minutes=1)
        rows = NotificationProcess.objects.filter(
            name__endswith=f"-{self.pid}", started_at__gt=just_now
        )
        eventually(rows.exists, within_s=60)
        return self

    @property
    def counts(self):
        return NotificationProcess.objects.get(name__endswith=f"-{self.pid}").counts

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self._wait(10)

    def end(self):
        """End it as a supervisor does; return its exit status."""
        os.kill(self.pid, signal.SIGTERM)
        return self._wait(10)


@contextmanager
def in_processes(count=1, *, port):
    """Serve the tests' own payments in forked processes; give them."""
    with _running([_forked(port) for _ in range(count)]) as processes:
        yield processes


@contextmanager
def as_the_portal_does(*, port):
    """Serve the portal's payments: ``run_rns`` on this test's database."""
    name, options = connection.settings_dict["NAME"], connection.settings_dict["OPTIONS"]
    host = connection.settings_dict["HOST"] or options.get("host", "")
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://portal@/{name}?host={host}",
        "PAYDESK_DATA_DIR": str(settings.DATA_DIR),
    }
    words = [sys.executable, "manage.py", "run_rns", "--port", str(port)]
    process = subprocess.Popen(words, env=environment)
    with _running([Process(process.pid, process.wait)]) as (served,):
        yield served


_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tests.rns.zygote"])


def _forked(port):
    told = (port, connection.settings_dict["NAME"], str(settings.DATA_DIR))
    child = _FORKING.Process(target=zygote.serve, args=told)
    child.start()

    def wait(timeout):
        child.join(timeout)
        return child.exitcode

    return Process(child.pid, wait)


@contextmanager
def _running(processes):
    try:
        yield [each.started() for each in processes]
    finally:
        for each in processes:
            with suppress(ProcessLookupError):
                each.kill()


def cut_connections():
    """Let the database end every connection but this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
