"""A database for each seed: cloned from one that was migrated and seeded once, dropped after it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql
from psycopg.conninfo import make_conninfo

from config.celery import app
from config.refusals import Refused
from settlement.services import demo


class NoScratchDatabase(Refused):
    code = "no_scratch_database"
    status = 409
    title = "The database role may not create databases, and a simulation needs its own"


class Stage:
    """Scratch databases beside the installation's own; leaving the block drops them all.

    Nothing of the installation is read or changed: keys lie in ``folder``, and hints to workers go
    nowhere, for the workers of a simulation are its own.
    """

    def __init__(self, *, folder: Path) -> None:
        self._folder = folder
        self._home = connection.settings_dict["NAME"]
        self._base = f"simulated_{secrets.token_hex(4)}"

    @contextmanager
    def built(self, *, at: datetime) -> Iterator[None]:
        """Make the database that all seeds begin with.

        :raises NoScratchDatabase: the role lacks CREATEDB
        """
        settings.DATA_DIR = self._folder
        app.conf.update(broker_url="memory://")
        connection.settings_dict.update(CONN_MAX_AGE=None, CONN_HEALTH_CHECKS=False)
        self._order("CREATE DATABASE {}", self._base)
        try:
            with self._in(self._base):
                call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
                demo.seed(at=at)
            yield
        finally:
            self._order("DROP DATABASE {} WITH (FORCE)", self._base)

    @contextmanager
    def of_seed(self, *, keep: bool) -> Iterator[str]:
        """Work on a fresh copy inside the block and yield how libpq connects to it."""
        name = f"{self._base}_{secrets.token_hex(3)}"
        self._order("CREATE DATABASE {} TEMPLATE {}", name, self._base)
        try:
            with self._in(name):
                yield self._conninfo(name)
        finally:
            if not keep:
                self._order("DROP DATABASE {} WITH (FORCE)", name)

    @contextmanager
    def _in(self, name: str) -> Iterator[None]:
        connections.close_all()
        connection.settings_dict["NAME"] = name
        try:
            yield
        finally:
            connections.close_all()
            connection.settings_dict["NAME"] = self._home

    def _order(self, statement: str, *names: str) -> None:
        order = sql.SQL(statement).format(*(sql.Identifier(name) for name in names))
        try:
            with psycopg.connect(self._conninfo(self._home), autocommit=True) as server:
                server.execute(order)
        except psycopg.errors.InsufficientPrivilege as refused:
            raise NoScratchDatabase from refused

    def _conninfo(self, name: str) -> str:
        known = connection.get_connection_params() | {"dbname": name}
        names = ("host", "port", "user", "password", "dbname")
        return make_conninfo(**{key: known[key] for key in names if known.get(key)})
