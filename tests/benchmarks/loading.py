"""Load many rows at once: the indexes of their tables are built afterwards, each in one pass."""

from contextlib import contextmanager

from django.db import connection

# An index of a partitioned table comes with those of its partitions, hence not ON ONLY.
# A primary key stays, for its ids ascend; so does what a foreign key of another table leads to.
_INDEXES = """
SELECT i.indexrelid::regclass::text, i.indrelid::regclass::text, quote_ident(c.conname),
       replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON '), pg_get_constraintdef(c.oid)
  FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'u'
 WHERE i.indrelid = ANY(%s::regclass[]) AND NOT i.indisprimary
   AND NOT EXISTS (SELECT FROM pg_constraint f
                    WHERE f.conindid = i.indexrelid AND f.contype = 'f')
"""


@contextmanager
def indexes_afterwards(tables):
    """Take the indexes of ``tables`` away for the block, and build them again after it."""
    with connection.cursor() as cursor:
        cursor.execute(_INDEXES, [list(tables)])
        indexes = cursor.fetchall()
        for index, table, constraint, *_ in indexes:
            cursor.execute(
                f"ALTER TABLE {table} DROP CONSTRAINT {constraint}"
                if constraint
                else f"DROP INDEX {index}"
            )
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for _, table, constraint, index, rule in indexes:
            cursor.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {rule}" if constraint else index
            )
        cursor.execute("RESET maintenance_work_mem")
