"""Retention: whole months go when they are old enough and nothing needs them any more.

A month is dropped with the table's partition for it, in one short step that others wait for at most
half a second; row by row nothing is ever deleted. What went is told by a row of the audit trail,
and of events by the floor of each scope (``EventHead.floor``).
"""

import gzip
import hashlib
import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from django.db import OperationalError, connection, transaction
from django.utils.module_loading import import_string
from psycopg import sql

from config import audit, events, partitions
from config.audit import Actor
from config.models import Event
from config.partitions import Month

_LOCK: Final = 0x50_72_65_74  # one process retires at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to become, or became, of one month of one table that is old enough to go."""

    table: str
    month: str  # "2024-01", of UTC
    kept: str = ""  # why it stays all the same
    dropped: bool = False
    rows: int = 0
    first_seq: int | None = None  # the span of event numbers, over all scopes
    last_seq: int | None = None
    archive: str = ""  # file
    sha256: str = ""  # of the file


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    rows: int
    first_id: int | None
    last_id: int | None
    numbers: dict[str, tuple[int, int]]  # scope: first and last seq

    @property
    def span(self) -> tuple[int | None, int | None]:
        ends = self.numbers.values()
        return min((end[0] for end in ends), default=None), max(
            (end[1] for end in ends), default=None
        )


def due(*, at: datetime) -> list[tuple[str, Month]]:
    """Return the months that are older at ``at`` than their table's are kept, oldest first.

    The running month is never counted: with 13 months kept, at any moment of December 2026 the
    oldest one that stays is November 2025.
    """
    oldest = {
        table: Month.of(at).plus(-told["months"])
        for table, told in partitions.tables().items()
        if told["months"]
    }
    return [
        (table, month)
        for table, first_kept in oldest.items()
        for month in partitions.months_of(table=table)
        if month < first_kept
    ]


def why_kept(*, table: str, month: Month, at: datetime) -> str:
    """Return why a month that is old enough cannot go, "" if it can."""
    for dotted in partitions.tables()[table]["needed"]:
        why = import_string(dotted)(first=month.first, until=month.until, at=at)
        if why:
            return str(why)
    return ""


def preview(*, at: datetime) -> list[Verdict]:
    """Return what :func:`retire` would do at ``at``, changing nothing."""
    told = []
    for table, month in due(at=at):
        content = _content(table, month)
        first, last = content.span
        told.append(
            Verdict(
                table=table,
                month=str(month),
                kept=why_kept(table=table, month=month, at=at),
                rows=content.rows,
                first_seq=first,
                last_seq=last,
            )
        )
    return told


def retire(*, at: datetime, actor: Actor, archive: Path | None = None) -> list[Verdict]:
    """
    Drop the months that are due and that nothing needs; return a verdict for each.

    A month whose lock is not to be had in time stays until the next run, and so does one that
    cannot be archived.

    :param archive: a folder that gets each month first, as a gzip'd CSV file only its owner reads
    :raises OSError: the folder cannot be written to; months before that one are gone
    """
    return [_retire(table, month, at, actor, archive) for table, month in due(at=at)]


def _retire(table: str, month: Month, at: datetime, actor: Actor, archive: Path | None) -> Verdict:
    kept = why_kept(table=table, month=month, at=at)
    if kept:
        return Verdict(table=table, month=str(month), kept=kept)
    try:
        return _drop(table, month, at, actor, archive)
    except OperationalError:  # lock_timeout
        return Verdict(table=table, month=str(month), kept="busy")


@transaction.atomic
def _drop(table: str, month: Month, at: datetime, actor: Actor, archive: Path | None) -> Verdict:
    """Read the month at leisure, then detach, look again and drop it in one short step."""
    named = Verdict(table=table, month=str(month))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0] or month not in partitions.months_of(table=table):
            return replace(named, kept="busy")
        content = _content(table, month)
        file, digest = _archive(table, month, archive) if archive else (None, "")
        names = {"table": sql.Identifier(table), "name": sql.Identifier(month.name(table))}
        wait = f"{partitions.LOCK_WITHIN_MS}ms"
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [wait])
        cursor.execute(sql.SQL("ALTER TABLE {table} DETACH PARTITION {name}").format(**names))
        if _changed(month.name(table), content):
            transaction.set_rollback(True)
            return replace(named, kept="still written to")
        if content.numbers:
            events.raise_floors(numbers={s: last for s, (_, last) in content.numbers.items()})
        cursor.execute(sql.SQL("DROP TABLE {name}").format(**names))
    first, last = content.span
    verdict = replace(
        named,
        dropped=True,
        rows=content.rows,
        first_seq=first,
        last_seq=last,
        archive=str(file or ""),
        sha256=digest,
    )
    _tell(verdict, content, at, actor)
    return verdict


def _tell(verdict: Verdict, content: _Content, at: datetime, actor: Actor) -> None:
    audit.record(
        actor=actor,
        action="retention.drop",
        subject_kind="month",
        subject=f"{verdict.table} {verdict.month}",
        at=at,
        after={
            "rows": verdict.rows,
            "first_id": content.first_id,
            "last_id": content.last_id,
            "scopes": len(content.numbers),
            "first_seq": verdict.first_seq,
            "last_seq": verdict.last_seq,
            "archive": verdict.archive,
            "sha256": verdict.sha256,
        },
    )


def _content(table: str, month: Month) -> _Content:
    name = sql.Identifier(month.name(table))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*), min(id), max(id) FROM {}").format(name))
        rows, first_id, last_id = cursor.fetchone()
        numbers = {}
        if table == Event._meta.db_table:  # noqa: SLF001
            cursor.execute(
                sql.SQL(
                    "SELECT scope, min(seq), max(seq) FROM {} WHERE seq IS NOT NULL GROUP BY scope"
                ).format(name)
            )
            numbers = {scope: (first, last) for scope, first, last in cursor.fetchall()}
    return _Content(rows=rows, first_id=first_id, last_id=last_id, numbers=numbers)


def _changed(name: str, content: _Content) -> bool:
    """Say whether a detached month got rows since it was read: its newest id tells."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT max(id) FROM {}").format(sql.Identifier(name)))
        return bool(cursor.fetchone()[0] != content.last_id)


def _archive(table: str, month: Month, folder: Path) -> tuple[Path, str]:
    """Write the month's rows as CSV with a header, in the order of their ids; complete or not."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{month.name(table)}.csv.gz"
    partial = file.with_name(file.name + ".partial")
    rows = sql.SQL("COPY (SELECT * FROM {} ORDER BY id) TO STDOUT (FORMAT csv, HEADER)").format(
        sql.Identifier(month.name(table))
    )
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as written:
        with (
            gzip.GzipFile(fileobj=written, mode="wb", mtime=0) as packed,
            connection.cursor() as cursor,
            cursor.copy(rows) as copy,
        ):
            for block in copy:
                packed.write(block)
        written.flush()
        os.fsync(written.fileno())
    partial.replace(file)
    with file.open("rb") as read:
        return file, hashlib.file_digest(read, "sha256").hexdigest()
