"""The events of a posting: one per state change, in the order of the records, in one statement."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from config import events
from config.models import Event
from config.pipeline import Statement
from settlement.rules import told
from settlement.rules.facts import Taken
from settlement.rules.sheet import Entry, Sheet
from settlement.services import copying
from settlement.services.evidence import Evidence

type _Row = tuple[str, str, str, datetime, dict[str, Any]]


def write(*, batches: Sequence[Evidence], sheet: Sheet, at: datetime) -> None:
    """Write what became of each payment, and after its last record of each batch."""
    copying.insert(
        model=Event,
        fields=("scope", "type", "subject", "at", "body"),
        rows=_rows(batches, iter(sheet.entries), at),
    )
    events.wake()


def writing_payments(*, sheet: Sheet, at: datetime) -> list[Statement]:
    """Return the statements that write what became of each payment of a sheet no batch brought."""
    written = [
        events.writing(scope=scope, kind=kind, subject=reference, at=written_at, body=body)
        for scope, kind, reference, written_at, body in (
            _payment_row(entry, entry.sale.reference, at)
            for entry in sheet.entries
            if entry.sale is not None
        )
    ]
    return [*written, events.waking()]


def _rows(batches: Sequence[Evidence], entries: Iterator[Entry], at: datetime) -> Iterator[_Row]:
    for batch in batches:
        rejected = 0
        for _ in batch.records:
            entry = next(entries)
            rejected += not entry.verdict.posted
            if entry.sale is not None:
                yield _payment_row(entry, entry.sale.reference, at)
        yield _batch_row(batch, rejected, at)


def _payment_row(entry: Entry, reference: str, at: datetime) -> _Row:
    approved = entry.verdict.sale is None
    body = _payment(entry.taken, reference, "APPROVED" if approved else "REVERSED", at)
    kind = "payment.approved" if approved else "payment.reversed"
    return (entry.taken.reader.merchant, kind, reference, at, {"payment": body})


def _payment(taken: Taken, reference: str, state: str, at: datetime) -> dict[str, Any]:
    record, card, reader = taken.record, taken.card, taken.reader
    assert record is not None, "only a readable record posts"
    assert card is not None, "only a known card's record posts"
    return told.payment(
        reference=reference,
        channel="OFFLINE",
        state=state,
        amount_minor=record.amount,
        currency=record.currency,
        store=reader.store,
        device=reader.reference,
        last4=card.last4,
        approval_code=taken.approval_code,
        created_at=datetime.fromtimestamp(record.at, UTC),
        approved_at=at,
    )


def _batch_row(batch: Evidence, rejected: int, at: datetime) -> _Row:
    body = told.batch(
        reference=batch.reference,
        device=batch.reader.reference,
        sequence=batch.sequence,
        state="POSTED",
        records=len(batch.records),
        rejected=rejected,
    )
    return (batch.reader.merchant, "batch.posted", batch.reference, at, {"batch": body})
