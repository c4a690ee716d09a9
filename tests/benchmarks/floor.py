"""The floor of a posting: its own rows, copied in again as bytes."""

from time import perf_counter

from django.db import connection, transaction

from settlement.services import evidence, posting
from tests.benchmarks import people

_TABLES = (
    "settlement_payment",
    "settlement_atcseen",
    "settlement_batchrecord",
    "settlement_posting",
    "settlement_transfer",
    "config_event",
)
_POSITIONS = {
    "issuers_account": ("balance_minor", "offline_reserve_minor"),
    "issuers_credential": (
        "reserve_minor",
        "posted_atc",
        "posted_records",
        "posted_uses",
        "posted_minor",
    ),
}
_POSTED = """
UPDATE settlement_batch SET state = 'POSTED', posted_at = %s, leased_until = NULL
 WHERE id = ANY(%s)
"""


def copied(books):
    """Upload, post and undo it, then write the same rows by COPY alone; return its seconds."""
    waiting = books.upload()
    proven = evidence.gather(batch_ids=waiting)
    with transaction.atomic():
        newest = {table: _newest(table) for table in _TABLES}
        before = {table: _positions(table) for table in _POSITIONS}
        assert posting.post(batches=proven, at=people.START) == len(waiting)
        rows = {table: _rows(table, newest[table]) for table in _TABLES}
        moved = {table: sorted(set(_positions(table)) - set(before[table])) for table in _POSITIONS}
        transaction.set_rollback(True)
    begun = perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        for table in _TABLES:
            _copy_in(cursor, table, *rows[table])
        for table, positions in moved.items():
            _move(cursor, table, positions)
        cursor.execute(_POSTED, [people.START, waiting])
    return perf_counter() - begun


def _newest(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(max(id), 0) FROM {table}")
        return cursor.fetchone()[0]


def _rows(table, newest):
    """Return the columns and the bytes of the rows above ``newest``; a posting's transaction not.

    It is the running one's id, which the database fills in.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attname <> 'transaction'",
            [table],
        )
        (columns,) = cursor.fetchone()
        chosen = f"SELECT {columns} FROM {table} WHERE id > {newest} ORDER BY id"
        with cursor.copy(f"COPY ({chosen}) TO STDOUT (FORMAT BINARY)") as copy:
            return columns, b"".join(copy)


def _copy_in(cursor, table, columns, rows):
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(rows)


def _positions(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {', '.join(_POSITIONS[table])} FROM {table}")
        return cursor.fetchall()


def _move(cursor, table, positions):
    names = _POSITIONS[table]
    arrays = ", ".join(["%s::bigint[]"] * (len(names) + 1))
    sets = ", ".join(f"{name} = new.{name}" for name in names)
    cursor.execute(
        f"UPDATE {table} t SET {sets} FROM unnest({arrays}) AS new (id, {', '.join(names)})"
        " WHERE t.id = new.id",
        [list(column) for column in zip(*positions, strict=True)],
    )
