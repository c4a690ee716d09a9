"""Statements that travel together: one round trip to the database, whatever their number.

What costs a short transaction most is waiting for the network between its statements. Statements
whose parameters are known beforehand are sent in one go (PostgreSQL's pipeline mode); the server
runs them one after another, each with a snapshot of its own, so a lock that an earlier one took
holds for those that follow.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from django.db import connection
from psycopg import Cursor


class Statement(NamedTuple):
    """One SQL statement with its parameters."""

    sql: str
    parameters: Sequence[Any] = ()


class Answer(NamedTuple):
    """What a statement returned: its rows, and how many it touched (or returned)."""

    rows: list[tuple[Any, ...]]
    touched: int

    @property
    def row(self) -> tuple[Any, ...] | None:
        """Return the first row; None where there is none."""
        return self.rows[0] if self.rows else None


def run(*statements: Statement) -> list[Answer]:
    """
    Run ``statements`` in their order in one round trip, and return an answer for each.

    Inside a transaction: the first that fails ends it, and raises as it would by itself.
    """
    return run_as_made(statements) if statements else []


def run_as_made(statements: Iterable[Statement]) -> list[Answer]:
    """
    Run ``statements`` as :func:`run`, each sent as soon as it is made.

    While the server works on one, the next is put together.
    """
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors, ExitStack() as opened:
        cursors = []
        with raw.pipeline():  # its end waits for all answers
            for statement in statements:
                # The driver's own cursor: it prepares what comes often, so that it is planned once.
                cursors.append(opened.enter_context(Cursor(raw)))
                cursors[-1].execute(statement.sql, statement.parameters)
        return [
            Answer(cursor.fetchall() if cursor.description else [], cursor.rowcount)
            for cursor in cursors
        ]
