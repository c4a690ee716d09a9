"""A simulation in virtual time, and copies of what it leaves."""

import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from settlement.simulation.checker.judge import check
from tests.journeys.simulation.conftest import database
from tests.planted.simulating import simulate


@dataclass(frozen=True)
class Scene:
    """A copy of a clean run: its journals, and its database with every guard switched off."""

    logs: Path
    database: str
    sql: psycopg.Connection

    def one(self, query, *values):
        """Return the first column of the first row."""
        row = self.sql.execute(query, values).fetchone()
        assert row, f"the run has none: {query}"
        return row[0]

    def do(self, query, *values):
        """Change exactly one row as nothing in the portal could."""
        assert self.sql.execute(query, values).rowcount == 1

    def double(self, table, row, **changes):
        """Put a row in once more, under an id of its own, with some columns changed."""
        columns = self.sql.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = %s AND is_generated = 'NEVER'",
            [table],
        )
        names = [name for (name,) in columns if name != "id"]
        changes = {"id": self.one(f"SELECT max(id) + 1 FROM {table}"), **changes}
        kept = [name for name in names if name not in changes]
        order = sql.SQL(
            "INSERT INTO {} ({}, {}) OVERRIDING SYSTEM VALUE SELECT {}, {} FROM {} WHERE id = %s"
        ).format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, changes)),
            sql.SQL(", ").join(map(sql.Identifier, kept)),
            sql.SQL(", ").join(map(sql.Literal, changes.values())),
            sql.SQL(", ").join(map(sql.Identifier, kept)),
            sql.Identifier(table),
        )
        self.sql.execute(order, [row])

    def found(self):
        """Return what the checker names: invariants, and rows."""
        broken = check(folder=self.logs, database=self.database).violations
        return {each.invariant for each in broken}, {each.where for each in broken}


@pytest.fixture(scope="session")
def clean(tmp_path_factory):
    """A whole run that broke nothing, kept with its database until the tests end."""
    folder = tmp_path_factory.mktemp("kept")
    words = ("--seeds", "1", "--seed", "12", "--events", "200", "--jobs", "1")
    status, told, said = simulate(*words, "--keep", str(folder))
    assert status == 0, said
    (run,) = told["runs"]
    yield run
    _on_server("DROP DATABASE {} WITH (FORCE)", _name(run["database"]))


@pytest.fixture
def scene(clean, tmp_path):
    """A copy of that run to be corrupted."""
    with _copied(clean["database"]) as conninfo:
        logs = tmp_path / "logs"
        shutil.copytree(clean["logs"], logs)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            yield Scene(logs=logs, database=conninfo, sql=connection)


@contextmanager
def _copied(conninfo):
    name = f"planted_{secrets.token_hex(4)}"
    _on_server("CREATE DATABASE {} TEMPLATE {}", name, _name(conninfo))
    try:
        yield make_conninfo(conninfo, dbname=name)
    finally:
        _on_server("DROP DATABASE {} WITH (FORCE)", name)


def _name(conninfo):
    return psycopg.conninfo.conninfo_to_dict(conninfo)["dbname"]


def _on_server(statement, *names):
    with psycopg.connect(database("postgres"), autocommit=True) as server:
        server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
