"""The events of a posting: one per state change, in the order of the records."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from config import events
from config.models import Event
from config.pipeline import Statement
from settlement.rules import told
from settlement.rules.facts import Sale, moment
from settlement.rules.sheet import Entry, Sheet
from settlement.services import copying
from settlement.services.evidence import Evidence

type Row = tuple[str, str, str, datetime, dict[str, Any]]


def insert(rows: Iterable[Row]) -> None:
    """Insert the rows of :func:`of_payment` and :func:`of_batch`, and wake the sequencer."""
    copying.insert(model=Event, fields=("scope", "type", "subject", "at", "body"), rows=rows)
    events.wake()


def writing_payments(*, sheet: Sheet, at: datetime) -> list[Statement]:
    """Return the statements that write what became of each payment of a sheet no batch brought."""
    written = [
        events.writing(scope=scope, kind=kind, subject=reference, at=written_at, body=body)
        for scope, kind, reference, written_at, body in (
            of_payment(entry, entry.effect[1], at)
            for entry in sheet.entries
            if entry.effect is not None
        )
    ]
    return [*written, events.waking()]


def of_payment(entry: Entry, sale: Sale, at: datetime) -> Row:
    """Return the event of a payment that a record made or took back."""
    taken = entry.taken
    record, card, reader = taken.record, taken.card, taken.reader
    assert record is not None, "only a readable record posts"
    assert card is not None, "only a known card's record posts"
    state, kind = _APPROVED if entry.verdict.sale is None else _REVERSED
    body = told.payment(
        reference=sale.reference,
        channel="OFFLINE",
        state=state,
        amount_minor=record.amount,
        currency=record.currency,
        store=reader.store,
        device=reader.reference,
        last4=card.last4,
        approval_code=taken.approval_code,
        created_at=moment(record.at),
        approved_at=at,
    )
    return (reader.merchant, kind, sale.reference, at, {"payment": body})


_APPROVED: Final = ("APPROVED", "payment.approved")
_REVERSED: Final = ("REVERSED", "payment.reversed")


def of_batch(batch: Evidence, rejected: int, at: datetime) -> Row:
    """Return the event of a batch that was posted, ``rejected`` of its records not."""
    body = told.batch(
        reference=batch.reference,
        device=batch.reader.reference,
        sequence=batch.sequence,
        state="POSTED",
        records=len(batch.records),
        rejected=rejected,
    )
    return (batch.reader.merchant, "batch.posted", batch.reference, at, {"batch": body})
