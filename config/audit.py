"""The audit trail: append-only, each row bound by its hash to the one before it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from config import pipeline
from config.models import Audit
from config.pipeline import Statement

GENESIS = bytes(32)
_CHAIN_LOCK = 0x50_61_75_64  # advisory lock: one row joins the chain at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and from where: USER, DEVICE, KEY, COMMAND or SYSTEM with a reference."""

    kind: str
    name: str
    address: str | None = None
    request_id: str = ""


SYSTEM = Actor(kind="SYSTEM", name="paydesk")


@transaction.atomic(savepoint=False)  # a row that cannot be written undoes what it tells of
def record(
    *,
    actor: Actor,
    action: str,
    subject_kind: str,
    subject: str,
    at: datetime,
    tenant: str = "",
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> Audit:
    """Append what ``actor`` did, inside the transaction that does it."""
    # In one round trip; the second sees what was committed before the first had the lock.
    _locked, last = pipeline.run(Statement(_LOCK, [_CHAIN_LOCK]), Statement(_LAST))
    row = Audit(
        at=at,
        actor_kind=actor.kind,
        actor=actor.name,
        tenant=tenant,
        action=action,
        subject_kind=subject_kind,
        subject=subject,
        reason=reason,
        before=before,
        after=after,
        address=actor.address,
        request_id=actor.request_id,
        previous_hash=last.row[0] if last.row is not None else GENESIS,
    )
    row.hash = digest(row)
    row.save(force_insert=True)
    return row


_LOCK: Final = "SELECT pg_advisory_xact_lock(%s::bigint)"
_LAST: Final = "SELECT hash FROM config_audit ORDER BY id DESC LIMIT 1"


def digest(row: Audit) -> bytes:
    """Return the SHA-256 over all of ``row`` but its id, the previous row's hash first."""
    told = [
        row.at.isoformat(),
        row.actor_kind,
        row.actor,
        row.tenant,
        row.action,
        row.subject_kind,
        row.subject,
        row.reason,
        row.before,
        row.after,
        row.address,
        row.request_id,
    ]
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(bytes(row.previous_hash) + text.encode()).digest()


@dataclass(frozen=True, slots=True)
class Break:
    """The first row at which the chain does not hold, and why."""

    audit_id: int
    why: str


def verify(*, head: bytes | None = None) -> tuple[int, Break | None]:
    """Walk the whole chain; return how many rows were read and the first break, if any.

    ``head``: a hash that was once the newest, as kept elsewhere; a chain cut short at the end is
    found only by it.
    """
    previous, count, last_id = GENESIS, 0, 0
    met = head is None
    for row in _rows():
        if bytes(row.previous_hash) != previous:
            return count, Break(row.pk, "a row before it was removed, added or moved")
        if digest(row) != bytes(row.hash):
            return count, Break(row.pk, "the row was changed")
        previous, count, last_id = bytes(row.hash), count + 1, row.pk
        met = met or previous == head
    if not met:
        return count, Break(last_id, "rows at the end were removed")
    return count, None


def _rows() -> Iterator[Audit]:
    yield from Audit.objects.order_by("id").iterator(chunk_size=2000)
