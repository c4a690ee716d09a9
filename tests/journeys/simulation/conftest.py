"""A whole portal for the simulator's journeys: its own database, port and processes."""

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest

ROOT = Path(__file__).parents[3]
MANAGE = str(ROOT / "manage.py")
STARTS_WITHIN_S = 120


@dataclass
class Portal:
    """The running processes, and what a command beside them needs to know."""

    environment: dict
    processes: list = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def data(self):
        return Path(self.environment["PAYDESK_DATA_DIR"])

    def start(self, *argv):
        log = (self.data / "processes.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, *argv], env=self.environment, cwd=ROOT, stdout=log, stderr=log
        )
        self.processes.append(process)
        return process

    def keep(self, *argv):
        """Start a process, and again whenever it ends."""

        def watch():
            while not self.ended.is_set():
                self.start(*argv).wait()

        threading.Thread(target=watch, daemon=True).start()

    def manage(self, *words):
        """Run a management command; return its exit status and the object it printed."""
        ended = subprocess.run(
            [sys.executable, MANAGE, *words, "--json"],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.stdout, ended.stderr
        return ended.returncode, json.loads(ended.stdout)

    def sql(self, statement, *values):
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else None

    def wait_until_it_answers(self):
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                httpx.get(self.environment["PAYDESK_ORIGIN"] + "/api/v1/", trust_env=False)
            except httpx.TransportError:
                assert time.monotonic() < deadline, (self.data / "processes.log").read_text()
                time.sleep(0.2)
            else:
                return

    def stop(self):
        self.ended.set()
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def database(name):
    """Return the URL of another database on the server under test."""
    server = os.environ.get("DATABASE_URL", "postgresql://portal@/paydesk")
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture(scope="package")
def portal(tmp_path_factory):
    name, port, rns_port = f"simulated_{secrets.token_hex(4)}", free_port(), free_port()
    with psycopg.connect(database("postgres"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    portal = Portal(
        environment={
            **os.environ,
            "DATABASE_URL": database(name),
            "PAYDESK_DATA_DIR": str(tmp_path_factory.mktemp("portal")),
            "PAYDESK_CHANNEL_PREFIX": name,
            "PAYDESK_DEMO": "1",
            "PAYDESK_ORIGIN": f"http://127.0.0.1:{port}",
            "PAYDESK_RNS_PORT": str(rns_port),
            "PYTHONPATH": str(ROOT),
        }
    )
    try:
        migrated = subprocess.run(
            [sys.executable, MANAGE, "migrate", "--no-input", "--skip-checks", "--verbosity=0"],
            env=portal.environment,
            check=False,
        )
        assert migrated.returncode == 0
        server = ("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port")
        portal.start(*server, str(port), "--workers", "1", "--no-ws", "config.wsgi:application")
        portal.start(MANAGE, "run_sequencer")
        portal.keep(MANAGE, "run_rns", "--port", str(rns_port))
        worker = ("-m", "celery", "-A", "config", "worker", "--concurrency=1")
        portal.start(*worker, "-B", f"--schedule={portal.data / 'schedule'}", "--pidfile=")
        portal.wait_until_it_answers()
        yield portal
    finally:
        portal.stop()
        with psycopg.connect(database("postgres"), autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
