"""Rows into a table by binary COPY: one statement, whatever their number."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
from django.db import connection, models
from psycopg.types.json import set_json_dumps

from config.pipeline import Answer, Statement

if TYPE_CHECKING:
    from django.db.models.options import Options

# What psycopg is to encode for each column type; binary COPY casts nothing.
_WIRE_TYPE = {
    "varchar": "text",
    "bigint": "int8",
    "boolean": "bool",
    "integer": "int4",
    "smallint": "int2",
    "timestamp with time zone": "timestamptz",
    "bytea": "bytea",
    "jsonb": "jsonb",
    "date": "date",
}


def insert(
    *, model: type[models.Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """
    Insert ``rows`` in the order given; each holds the values of ``fields``, foreign keys as ids.

    Defaults of the model are not applied, those of the database are. A column of a type that no
    caller has needed yet is a ``KeyError``.

    :raises IntegrityError: a unique or check constraint refuses a row; nothing was inserted
    """
    table, types = _columns(model, tuple(fields))
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy,
    ):
        set_json_dumps(orjson.dumps, copy.cursor)  # one body an event: json takes 15 times as long
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def inserting(*, model: type[models.Model], fields: Sequence[str], row: Sequence[Any]) -> Statement:
    """Return the statement that inserts one row, as :func:`insert` does many."""
    table, types = _columns(model, tuple(fields))
    marks = ", ".join(["%s"] * len(types))
    return Statement(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608 (the model's names)


def reserve_ids(*, model: type[models.Model], count: int) -> list[int]:
    """Return ``count`` fresh ids of ``model``, for rows that other new rows must name at once."""
    with connection.cursor() as cursor:
        cursor.execute(*reserving(model=model, count=count))
        return _reserved(cursor.fetchall())


def reserving(*, model: type[models.Model], count: int) -> Statement:
    """Return the statement that asks for ``count`` fresh ids of ``model``: :func:`reserved`."""
    return Statement(_RESERVE, [_options(model).db_table, count])


def reserved(answer: Answer) -> list[int]:
    """Return the ids that the answer to :func:`reserving` tells."""
    return _reserved(answer.rows)


def _reserved(rows: Iterable[tuple[Any, ...]]) -> list[int]:
    return [pk for (ids,) in rows for pk in ids or ()]


_RESERVE = """
WITH named AS MATERIALIZED (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS sequence)
SELECT array_agg(nextval(sequence)) FROM named, generate_series(1, %s::int)
"""


@cache
def _columns(model: type[models.Model], fields: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return the table with the columns of ``fields``, quoted, and what psycopg is to encode."""
    known = {field.attname: field for field in _options(model).concrete_fields}
    found = [known[name] for name in fields]
    types = [str(field.db_type(connection)).split("(", 1)[0] for field in found]
    quoted = connection.ops.quote_name
    columns = ", ".join(quoted(str(field.column)) for field in found)
    return f"{quoted(_options(model).db_table)} ({columns})", [_WIRE_TYPE[name] for name in types]


def _options(model: type[models.Model]) -> "Options[Any]":
    return model._meta  # noqa: SLF001 (Django documents it, underscore and all)
