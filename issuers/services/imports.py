"""Blacklist imports: a CSV file of cards and reasons, blocked row by row as a job.

A chunk of rows and the job's progress commit together, so a worker that dies loses nothing and
blocks nothing twice: the next one goes on behind the last finished row.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from config import audit, references
from config.audit import Actor
from config.models import Job
from config.refusals import Refused
from config.wire import b64
from config.wire.errors import Malformed
from issuers.models import Card, Issuer
from issuers.services import blacklist

KIND = "blacklist_import"
COLUMNS = ["card", "reason"]
BYTES_MAX = 4 * 2**20  # about 100,000 cards
CHUNK = 100  # the audit chain waits while a chunk runs
ERRORS_MAX = 1000  # what the error file keeps; `failed` counts all


class ImportMalformed(Refused):
    code = "import_malformed"
    title = "This is not a CSV file with the columns card and reason"


class ImportTooLarge(Refused):
    code = "import_too_large"
    status = 413
    title = "The file is larger than 4 MiB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the file: its number as a spreadsheet shows it, and what stands in it."""

    line: int
    card: str
    reason: str


@transaction.atomic
def start(*, source: bytes, at: datetime, actor: Actor, issuer: Issuer | None = None) -> Job:
    """Queue the import of ``source``, a CSV file in UTF-8 whose first line is ``card,reason``.

    ``issuer``: whose cards it may name; None for the platform's own command, which may name any.

    :raises ImportMalformed: no such header, no rows, or not UTF-8
    :raises ImportTooLarge: more than 4 MiB
    """
    if len(source) > BYTES_MAX:
        raise ImportTooLarge
    rows = rows_of(source=source)
    tenant = issuer.reference if issuer else ""
    job = Job.objects.create(
        reference=references.new("JOB"),
        kind=KIND,
        tenant=tenant,
        total=len(rows),
        arguments={"actor_kind": actor.kind, "actor": actor.name},
        source=source,
        created_by=actor.name,
        created_at=at,
    )
    audit.record(
        actor=actor,
        action="blacklist.import",
        subject_kind="job",
        subject=job.reference,
        tenant=tenant,
        at=at,
        after={"rows": len(rows)},
    )
    return job


def rows_of(*, source: bytes) -> list[Row]:
    """Return the rows of an import file, for a preview or the import itself.

    :raises ImportMalformed: no such header, no rows, or not UTF-8
    """
    rows = list(_rows(source, after=0))
    if not rows:
        raise ImportMalformed(_("The file has no rows."))
    return rows


def _rows(source: bytes, *, after: int) -> Iterator[Row]:
    """Yield the rows behind the first ``after``; empty lines are none."""
    try:
        lines = csv.reader(io.StringIO(source.decode("utf-8-sig"), newline=""), strict=True)
        if [cell.strip().lower() for cell in next(lines, [])] != COLUMNS:
            raise ImportMalformed
        filled = ((lines.line_num, cells) for cells in lines if any(map(str.strip, cells)))
        for line, cells in islice(filled, after, None):
            card, reason = (*cells, "", "")[:2]
            yield Row(line=line, card=card.strip(), reason=reason.strip().upper())
    except (UnicodeDecodeError, csv.Error) as wrong:
        raise ImportMalformed(str(wrong)) from wrong


def cancel(*, job: Job) -> None:
    """Ask the job to stop; rows done stay done."""
    Job.objects.filter(pk=job.pk).update(cancel_asked=True)


def waiting() -> list[str]:
    """Return the references of imports that are not finished, oldest first."""
    unfinished = Job.objects.filter(kind=KIND, state__in=[Job.State.QUEUED, Job.State.RUNNING])
    return list(unfinished.order_by("pk").values_list("reference", flat=True))


@transaction.atomic
def run_chunk(*, job: str, at: datetime) -> bool:
    """Block the next rows of ``job`` (its reference); return whether there is more to do.

    A job that another worker has in hand is left to it.
    """
    held = (
        Job.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(reference=job, kind=KIND, state__in=[Job.State.QUEUED, Job.State.RUNNING])
        .first()
    )
    if held is None:
        return False
    if held.cancel_asked:
        held.transition(Job.State.CANCELLED, ended_at=at)
        return False
    if held.state == Job.State.QUEUED:
        held.transition(Job.State.RUNNING)
    assert held.source is not None
    rows = list(islice(_rows(bytes(held.source), after=held.finished), CHUNK))
    errors = _block(held, rows, at)
    held.finished += len(rows)
    held.failed += len(errors)
    held.errors = [*held.errors, *errors][:ERRORS_MAX]
    held.save(update_fields=["finished", "failed", "errors"])
    if held.finished < held.total:
        return True
    held.transition(Job.State.DONE_WITH_ERRORS if held.failed else Job.State.DONE, ended_at=at)
    return False


def _block(job: Job, rows: Sequence[Row], at: datetime) -> list[dict[str, Any]]:
    """Block what the rows name, cards locked in the order of their ids; return the error rows."""
    found = _cards(job, rows)
    actor = Actor(kind=job.arguments["actor_kind"], name=job.arguments["actor"])
    errors = []
    for row in sorted(rows, key=lambda row: found[row.card].pk if row.card in found else 0):
        card = found.get(row.card)
        if card is None:
            errors.append(_error(row, "card", "card_unknown", _("No such card.")))
            continue
        try:
            blacklist.block(
                card=card, reason=row.reason, at=at, actor=actor, note=f"Import {job.reference}"
            )
        except blacklist.ReasonUnknown as refusal:
            errors.append(_error(row, "reason", refusal.code, refusal.detail))
        except (blacklist.CardBlockedAlready, blacklist.CardClosed) as refusal:
            errors.append(_error(row, "card", refusal.code, refusal.detail))
    return sorted(errors, key=lambda error: int(error["row"]))


def _cards(job: Job, rows: Sequence[Row]) -> dict[str, Card]:
    tokens = []
    for row in rows:
        try:
            tokens.append(b64.decode(row.card))
        except Malformed:
            continue
    known = Card.objects.filter(token__in=tokens).select_related("issuer")
    if job.tenant:
        known = known.filter(issuer__reference=job.tenant)
    return {card.reference: card for card in known}


def _error(row: Row, column: str, code: str, message: str) -> dict[str, Any]:
    return {"row": row.line, "column": column, "code": code, "message": message}
