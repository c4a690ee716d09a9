"""Tables split by month: the months to come are made ahead, so that no row lacks its partition.

``MONTHLY`` in the settings names them. Each is partitioned by RANGE on ``at``, by months of UTC. A
row that fits no month goes into the ``…_stray`` partition, so that no insert ever fails, and moves
to its month when that is made.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

AHEAD_MONTHS: Final = 3
LOCK_WITHIN_MS: Final = 500  # less than deadlock_timeout: we give way, the writers never do
_LOCK: Final = 0x50_6D_6F_6E  # one process makes months at a time
_NAMED: Final = re.compile(r".+_y(\d{4})m(\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Month:
    """One month of UTC: which partitions are of it, and the span of ``at`` they hold."""

    year: int
    number: int

    @classmethod
    def of(cls, at: datetime) -> "Month":
        """Return the month that ``at`` lies in."""
        day = at.astimezone(UTC)
        return cls(year=day.year, number=day.month)

    def plus(self, months: int) -> "Month":
        """Return the month so many later, or earlier when negative."""
        years, index = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year=years, number=index + 1)

    @property
    def first(self) -> datetime:
        """The moment it begins."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def until(self) -> datetime:
        """The moment it is over."""
        return self.plus(1).first

    def name(self, table: str) -> str:
        """Return what the partition of ``table`` for it is called."""
        return f"{table}_y{self.year:04}m{self.number:02}"

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


def stray(table: str) -> str:
    """Return what the partition of ``table`` for every other moment is called."""
    return f"{table}_stray"


def tables() -> dict[str, dict[str, Any]]:
    """Return what the settings say of each table by month, by its name in the database."""
    return {
        apps.get_model(label)._meta.db_table: told  # noqa: SLF001
        for label, told in settings.MONTHLY.items()
    }


def months_of(*, table: str) -> list[Month]:
    """Return the months that ``table`` has a partition for, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = %s::regclass",
            [table],
        )
        found = [_NAMED.fullmatch(name) for (name,) in cursor.fetchall()]
    return sorted(Month(year=int(m[1]), number=int(m[2])) for m in found if m)


def strays(*, table: str) -> int:
    """Return how many rows of ``table`` lie in no month."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(stray(table))))
        return int(cursor.fetchone()[0])


@transaction.atomic
def make_ahead(*, at: datetime) -> list[str]:
    """
    Make the months that are missing up to three ahead of ``at``; return their partitions' names.

    So are those of stray rows that are not of the future. Each partition gets what PostgreSQL does
    not hand down: triggers that fire by statement, and the unique index that cannot span months.

    :raises OperationalError: a lock was not to be had within half a second; nothing was made
    """
    made = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_WITHIN_MS}ms"])
        for table, told in tables().items():
            if not _is_split(cursor, table):
                continue  # not yet: an older state of the migrations
            for month in _missing(cursor, table, at):
                _make(cursor, table, month)
                made.append(month.name(table))
            _equip(cursor, table, told["once"])
        cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    return made


def _is_split(cursor: Any, table: str) -> bool:
    cursor.execute("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(%s)", [table])
    return bool((cursor.fetchone() or (False,))[0])


def _missing(cursor: Any, table: str, at: datetime) -> list[Month]:
    now = Month.of(at)
    wanted = {now.plus(months) for months in range(AHEAD_MONTHS + 1)}
    cursor.execute(
        sql.SQL("SELECT DISTINCT date_trunc('month', at, 'UTC') FROM {} WHERE at < %s").format(
            sql.Identifier(stray(table))
        ),
        [now.until],
    )
    wanted |= {Month.of(first) for (first,) in cursor.fetchall()}
    return sorted(wanted - set(months_of(table=table)))


def _make(cursor: Any, table: str, month: Month) -> None:
    """Make it beside the table and attach it: that hinders nobody who reads or writes."""
    names = {
        "table": sql.Identifier(table),
        "name": sql.Identifier(month.name(table)),
        "stray": sql.Identifier(stray(table)),
        "first": sql.Literal(month.first),
        "until": sql.Literal(month.until),
    }
    cursor.execute(
        sql.SQL(
            "CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        ).format(**names)
    )
    cursor.execute(
        sql.SQL("SELECT EXISTS (SELECT FROM {stray} WHERE at >= {first} AND at < {until})").format(
            **names
        )
    )
    if cursor.fetchone()[0]:
        cursor.execute(_GATHER.format(**names))
    cursor.execute(
        sql.SQL(
            "ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({until})"
        ).format(**names)
    )


# The rows only change partitions, which is no DELETE that the table's triggers are there to refuse.
_GATHER: Final = sql.SQL("""
ALTER TABLE {stray} DISABLE TRIGGER USER;
WITH moved AS (DELETE FROM {stray} WHERE at >= {first} AND at < {until} RETURNING *)
INSERT INTO {name} SELECT * FROM moved;
ALTER TABLE {stray} ENABLE TRIGGER USER
""")


def _equip(cursor: Any, table: str, once: list[str]) -> None:
    cursor.execute(_UNEQUIPPED, [table])
    for partition, trigger, definition in cursor.fetchall():
        own = definition.replace(f" TRIGGER {trigger} ", f" TRIGGER {_own(trigger)} ", 1)
        cursor.execute(own.replace(f" ON public.{table} ", f" ON public.{partition} ", 1))
    for name in [*(month.name(table) for month in months_of(table=table)), stray(table)]:
        if once:
            cursor.execute(
                sql.SQL("CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} ({})").format(
                    sql.Identifier(f"{name}_once"),
                    sql.Identifier(name),
                    sql.SQL(", ").join(map(sql.Identifier, once)),
                )
            )


# A trigger by statement fires for the table that the statement names, and for that one alone. What
# repeats it has a name of its own: pgtrigger prunes triggers of its prefix that no model declares.
_UNEQUIPPED: Final = """
SELECT p.relname, t.tgname, pg_get_triggerdef(t.oid)
  FROM pg_inherits i
  JOIN pg_class p ON p.oid = i.inhrelid
  JOIN pg_trigger t ON t.tgrelid = i.inhparent AND NOT t.tgisinternal AND t.tgtype & 1 = 0
 WHERE i.inhparent = %s::regclass
   AND NOT EXISTS (SELECT FROM pg_trigger own WHERE own.tgrelid = p.oid
                      AND own.tgname = replace(t.tgname, 'pgtrigger_', 'month_'))
"""


def _own(trigger: str) -> str:
    return str(trigger).replace("pgtrigger_", "month_", 1)
