"""The timeline of one payment: all that happened to it, in the order of time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Q

from config.models import Event
from settlement.models import (
    Batch,
    BatchRecord,
    Dispute,
    ExceptionItem,
    LedgerAccount,
    Payment,
    Transfer,
)
from settlement.selectors.traced import Traced


@dataclass(frozen=True, slots=True, kw_only=True)
class Tapped:
    """The card met the reader; by the reader's clock."""

    at: datetime
    record: BatchRecord
    kind: Literal["tapped"] = "tapped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """The reader's batch came in with a record of this payment, and what was said of it."""

    at: datetime
    batch: Batch
    record: BatchRecord
    kind: Literal["arrived"] = "arrived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """An event: a change of the payment's state."""

    at: datetime
    event: Event
    kind: Literal["happened"] = "happened"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Money moved in the ledger, from the debit to the credit account; in minor units."""

    at: datetime
    code: str
    debit: LedgerAccount
    credit: LedgerAccount
    amount_minor: int
    currency: str
    kind: Literal["moved"] = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Excepted:
    """Something about it had to be explained."""

    at: datetime
    exception: ExceptionItem
    kind: Literal["excepted"] = "excepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputed:
    """Another payload came under its ATC."""

    at: datetime
    dispute: Dispute
    kind: Literal["disputed"] = "disputed"


type Entry = Tapped | Arrived | Happened | Moved | Excepted | Disputed | Traced

# What comes first where several bear the same time, as they do within one posting.
_ORDER = ("tapped", "arrived", "moved", "happened", "excepted", "disputed")


def timeline_of(*, payment: Payment) -> list[Entry]:
    """
    Return what ``payment`` itself went through, oldest first; five queries.

    What lies beside its own records is told by :func:`settlement.selectors.trace.trace_of`.

    The reader's clock tells when a card was tapped, the portal's tells the rest.
    """
    entries = [
        *_records(payment),
        *_events(payment),
        *_transfers(payment),
        *_exceptions(payment),
        *_disputes(payment),
    ]
    return sorted(entries, key=lambda entry: (entry.at, _ORDER.index(entry.kind)))


def _records(payment: Payment) -> Iterator[Entry]:
    rows = payment.batch_records.select_related("batch__device").defer("batch__content")
    for record in rows.order_by("pk"):
        if record.tapped_at is not None:
            yield Tapped(at=record.tapped_at, record=record)
        yield Arrived(at=record.batch.received_at, batch=record.batch, record=record)


def _events(payment: Payment) -> Iterator[Entry]:
    for event in Event.objects.filter(subject=payment.reference).order_by("pk"):
        yield Happened(at=event.at, event=event)


def _transfers(payment: Payment) -> Iterator[Entry]:
    rows = Transfer.objects.filter(payment=payment).select_related("posting", "debit", "credit")
    for row in rows.order_by("pk"):
        yield Moved(
            at=row.posting.posted_at,
            code=row.code,
            debit=row.debit,
            credit=row.credit,
            amount_minor=row.amount_minor,
            currency=row.currency,
        )


def _exceptions(payment: Payment) -> Iterator[Entry]:
    for exception in payment.exceptions.order_by("pk"):
        yield Excepted(at=exception.opened_at, exception=exception)


def _disputes(payment: Payment) -> Iterator[Entry]:
    about = Q(payment=payment) | Q(record__payment=payment)
    for dispute in Dispute.objects.filter(about).order_by("pk"):
        yield Disputed(at=dispute.opened_at, dispute=dispute)
