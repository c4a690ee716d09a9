"""The server under test: in a thread of this process, or in processes of its own."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

from django.conf import settings
from django.db import connection, connections

from merchants.models import NotificationProcess
from merchants.rns.server import Server
from tests.journeys.waiting import eventually
from tests.rns import payments


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
    """``python -m tests.rns PORT`` on this test's database."""

    def __init__(self, port):
        name = connection.settings_dict["NAME"]
        options = connection.settings_dict["OPTIONS"]
        host = connection.settings_dict["HOST"] or options.get("host", "")
        environment = os.environ | {
            "DATABASE_URL": f"postgresql://portal@/{name}?host={host}",
            "PAYDESK_DATA_DIR": str(settings.DATA_DIR),
        }
        known = set(NotificationProcess.objects.values_list("name", flat=True))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.rns", str(port)], env=environment
        )
        eventually(
            lambda: (
                NotificationProcess.objects.exclude(name__in=known)
                .filter(name__endswith=f"-{self.process.pid}")
                .exists()
            ),
            within_s=30,
        )

    @property
    def counts(self):
        return NotificationProcess.objects.get(name__endswith=f"-{self.process.pid}").counts

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def end(self):
        self.process.terminate()
        return self.process.wait(10)


@contextmanager
def in_processes(count=1, *, port):
    """Serve in processes of their own; give them."""
    processes = []
    try:
        processes.extend(Process(port) for _ in range(count))
        yield processes
    finally:
        for each in processes:
            if each.process.poll() is None:
                each.kill()


def cut_connections():
    """Let the database end every connection but this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
