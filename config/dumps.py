"""The whole database to and from one file, with PostgreSQL's own programs."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.db import connection, transaction
from psycopg import sql
from psycopg.conninfo import make_conninfo

from config.refusals import Refused
from config.stack import postgres


class DumpFailed(Refused):
    code = "dump_failed"
    status = 500
    title = "PostgreSQL's program failed"


@contextmanager
def snapshot() -> Iterator[str]:
    """This function will hold one state of the database for the block, and give its name.

    What the block reads and what :func:`write` dumps under the name are the same state, whatever
    commits meanwhile.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        yield cursor.fetchone()[0]


def write(*, file: Path, name: str) -> None:
    """This function will write the state that :func:`snapshot` called ``name``, compressed.

    :raises DumpFailed: pg_dump failed, or there is none
    """
    _run("pg_dump", "--format=custom", f"--snapshot={name}", f"--file={file}")
    file.chmod(0o600)


def load(*, file: Path) -> None:
    """This function will load a dump into the database, all of it or nothing.

    :raises DumpFailed: pg_restore failed, or there is none
    """
    connection.close()
    _run("pg_restore", "--single-transaction", "--exit-on-error", str(file))


def is_empty() -> bool:
    """This function will say whether the database has no table at all."""
    return not _tables()


@transaction.atomic
def empty() -> None:
    """This function will drop everything that :func:`load` made."""
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")


def row_counts() -> dict[str, int]:
    """This function will count the rows of every table, a partitioned one as a whole."""
    counts = {}
    with connection.cursor() as cursor:
        for table in _tables():
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            cursor.execute(query)
            counts[table] = int(cursor.fetchone()[0])
    return counts


def _tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname"
        )
        return [name for (name,) in cursor.fetchall()]


def _run(program: str, *words: str) -> None:
    """The password goes by the environment: other accounts may read a command line."""
    target, password = _target()
    argv = (postgres.client(program), "--no-owner", "--no-privileges", f"--dbname={target}", *words)
    environment = {**os.environ, "LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {})
    try:
        subprocess.run(argv, check=True, capture_output=True, text=True, env=environment)  # noqa: S603
    except OSError as fault:
        raise DumpFailed(f"{program}: {fault.strerror}") from fault
    except subprocess.CalledProcessError as fault:
        raise DumpFailed(fault.stderr.strip()[-500:]) from fault


def _target() -> tuple[str, str]:
    connection.ensure_connection()
    driver = connection.connection
    assert isinstance(driver, psycopg.Connection)
    return make_conninfo(**driver.info.get_parameters()), driver.info.password
