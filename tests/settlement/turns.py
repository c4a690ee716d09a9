"""A man in the middle of a database connection who counts how often the client waits."""

import select
import socket
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import connection

from config import pipeline

_PORT = 5432
_run = pipeline.run


class Turns:
    """Forwards one connection at a time and counts its round trips in ``count``.

    A turn begins when the client sends after the server has answered: everything it sends in one
    go, however many statements, is one.
    """

    def __init__(self, *, server, folder):
        self.count = 0
        self._server = server
        self._answered = True
        self._stop = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(Path(folder) / f".s.PGSQL.{_PORT}"))
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._stop.set()
        self._listener.close()

    def _serve(self):
        with suppress(OSError):
            while not self._stop.is_set():
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                with client, server:
                    self._forward(client, server)

    def _forward(self, client, server):
        while not self._stop.is_set():
            readable, _, _ = select.select([client, server], [], [], 0.1)
            for source in readable:
                data = source.recv(65536)
                if not data:
                    return
                (server if source is client else client).sendall(data)
                self._note(from_client=source is client)

    def _note(self, *, from_client):
        self.count += from_client and self._answered
        self._answered = not from_client


@contextmanager
def counted(connection, *, folder):
    """Lead new connections of ``connection``'s alias through a counter of their turns."""
    info, settings = connection.connection.info, connection.settings_dict
    turns = Turns(server=str(Path(info.host) / f".s.PGSQL.{info.port}"), folder=folder)
    kept = {name: settings[name] for name in ("HOST", "PORT", "OPTIONS")}
    settings["HOST"], settings["PORT"] = str(folder), str(_PORT)
    settings["OPTIONS"] = {
        name: value for name, value in kept["OPTIONS"].items() if name not in {"host", "port"}
    }
    try:
        yield turns
    finally:
        settings.update(kept)
        turns.close()


def in_a_thread(act):
    """Run ``act`` over a connection of its own."""

    def run():
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def turns_of(act):
    """Return what ``act`` returned over a connection of its own, and how often that waited."""
    with (
        tempfile.TemporaryDirectory() as folder,
        counted(connection, folder=folder) as turns,
    ):

        def run():
            connection.ensure_connection()
            before = turns.count
            answer = act()
            return answer, turns.count - before

        return in_a_thread(run)


def one_by_one(*statements):
    """Run statements as ``pipeline.run``, which this stands in for, each by itself."""
    return [_run(each)[0] for each in statements]
