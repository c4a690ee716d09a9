"""The portal under the server that production uses, on the test database, for one test module."""

import os
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
from django.db import connection

TRUST = ssl.create_default_context()  # made once: it reads all authorities of the system


@contextmanager
def serving(application, **how):
    """Serve a WSGI application as the demo does; give its origin."""
    with mortal(application, **how) as (origin, _server):
        yield origin


@contextmanager
def mortal(application, *, data_folder, workers=1):
    """Serve a WSGI application; give its origin, and the process whose workers may be killed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    origin = f"http://127.0.0.1:{port}"
    name, options = connection.settings_dict["NAME"], connection.settings_dict["OPTIONS"]
    host = connection.settings_dict["HOST"] or options.get("host", "")
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://portal@/{name}?host={host}",
        "PAYDESK_DATA_DIR": str(data_folder),
        "PAYDESK_DEMO": "1",
        "PAYDESK_ORIGIN": origin,
    }
    words = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws"]
    words += ["--workers", str(workers), "--respawn-failed-workers", "--respawn-interval", "0.1"]
    server = subprocess.Popen(
        [sys.executable, "-m", "granian", *words, application], env=environment
    )
    try:
        _until_it_answers(origin)
        yield origin, server
    finally:
        server.terminate()
        server.wait(10)


def _until_it_answers(origin, within_s=30):
    deadline = time.monotonic() + within_s
    while True:
        try:
            return httpx.get(origin + "/healthz", verify=TRUST)
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
