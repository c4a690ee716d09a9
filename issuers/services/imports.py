"""Blacklist imports: a CSV file of cards and reasons, blocked row by row as a job."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from config import audit, jobs
from config.audit import Actor
from config.models import Job
from issuers.models import Issuer
from issuers.services import blacklist, card_files
from issuers.services.card_files import Row

KIND: Final = "blacklist_import"
COLUMNS: Final = ("card", "reason")
CHUNK = 100  # the audit chain waits while a chunk runs


@transaction.atomic
def start(*, source: bytes, at: datetime, actor: Actor, issuer: Issuer | None = None) -> Job:
    """Queue the import of ``source``, a CSV file in UTF-8 whose first line is ``card,reason``.

    ``issuer``: whose cards it may name; None for the platform's own command, which may name any.

    :raises FileMalformed: no such header, no rows, or not UTF-8
    :raises FileTooLarge: more than 4 MiB
    """
    card_files.check_size(source=source)
    rows = card_files.rows_of(source=source, columns=COLUMNS)
    tenant = issuer.reference if issuer else ""
    job = jobs.queue(
        kind=KIND,
        tenant=tenant,
        total=len(rows),
        arguments={},
        source=source,
        actor=actor,
        at=at,
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


@transaction.atomic
def run_chunk(*, job: str, at: datetime) -> bool:
    """Block the next rows of ``job`` (its reference); return whether there is more to do.

    A job that another worker has in hand is left to it.
    """
    held = jobs.take(job=job, kind=KIND, at=at)
    if held is None:
        return False
    assert held.source is not None
    source = bytes(held.source)
    left = card_files.rows_after(source=source, columns=COLUMNS, after=held.finished)
    rows = list(islice(left, CHUNK))
    errors = _block(held, rows, at)
    return jobs.note_progress(job=held, done=len(rows), errors=errors, at=at)


def _block(job: Job, rows: Sequence[Row], at: datetime) -> list[dict[str, Any]]:
    """Block what the rows name, cards locked in the order of their ids; return the error rows."""
    found = card_files.cards_of(rows=rows, tenant=job.tenant)
    actor = jobs.actor_of(job=job)
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


def _error(row: Row, column: str, code: str, message: str) -> dict[str, Any]:
    return {"row": row.line, "column": column, "code": code, "message": message}
