"""The documents of a posting, row by row; each kind enters in one statement, however many."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from config.pipeline import Statement
from settlement.models import AtcSeen, BatchRecord, Payment
from settlement.rules.facts import Bearer, Genuine, Sale, moment
from settlement.rules.sheet import Entry, Sheet
from settlement.services import copying

type Row = tuple[object, ...]


def insert_payments(rows: Iterable[Row]) -> None:
    """
    Insert the rows of :func:`payment`, each taken when its turn has come.

    :raises IntegrityError: another posting took an ATC after the history was read
    """
    copying.insert(model=Payment, fields=_PAYMENT_FIELDS, rows=rows)


def inserting(sheet: Sheet, *, at: datetime) -> list[Statement]:
    """Return the statements that insert the payments of a small sheet, then take their ATCs."""
    payments = [payment(*posted, at) for posted in sheet.sales]
    atcs = [used_atc(*posted) for posted in sheet.sales]
    return [
        *(copying.inserting(model=Payment, fields=_PAYMENT_FIELDS, row=row) for row in payments),
        *(copying.inserting(model=AtcSeen, fields=_ATC_FIELDS, row=row) for row in atcs),
    ]


_PAYMENT_FIELDS = (
    "id",
    "reference",
    "channel",
    "state",
    "amount_minor",
    "currency",
    "merchant_id",
    "store_id",
    "device_id",
    "card_id",
    "credential_id",
    "atc",
    "approval_code",
    "order",
    "bearer",
    "bearer_cause",
    "fee_minor",
    "business_date",
    "created_at",
    "approved_at",
)


_BEARERS: Final = {each: each.value for each in Bearer}


def payment(genuine: Genuine, sale: Sale, at: datetime) -> Row:
    """Return the row of a sale's payment, APPROVED whatever takes it back afterwards."""
    taken, record, reader = genuine.taken, genuine.record, genuine.taken.reader
    return (
        sale.payment_id,
        sale.reference,
        "OFFLINE",
        "APPROVED",
        sale.amount_minor,
        sale.currency,
        reader.merchant_id,
        reader.store_id,
        reader.device_id,
        genuine.card.card_id,
        genuine.credential.credential_id,
        record.atc,
        taken.approval_code,
        "",
        _BEARERS[sale.liability.bearer],
        sale.liability.cause,
        sale.fee_minor,
        sale.business_date,
        moment(record.at),
        at,
    )


def used_atc(genuine: Genuine, sale: Sale) -> Row:
    """
    Return the row that takes the ATC of what posts, a sale or its void, for ever.

    Under the first credential the card had on the phone: an ATC serves one certificate only, so a
    copy of a phone gains nothing by a renewal.
    """
    return (*genuine.used_atc, genuine.taken.digest, sale.payment_id)


def use_atcs(rows: Iterable[Row]) -> None:
    """
    Insert the rows of :func:`used_atc`, in the order of their keys.

    :raises IntegrityError: another posting took one of them after the history was read
    """
    copying.insert(model=AtcSeen, fields=_ATC_FIELDS, rows=sorted(rows))


_ATC_FIELDS = ("credential_id", "atc", "payload_digest", "payment_id")


def reverse_sales(sheet: Sheet) -> None:
    """Move the sales that were voided to REVERSED; theirs are our rows, or history locked them."""
    voided = [void.sale.payment_id for void in sheet.voids]
    moved = Payment.objects.filter(pk__in=voided, state=Payment.State.APPROVED).update(
        state=Payment.State.REVERSED
    )
    assert moved == len(voided), "a locked sale is no longer what the history said"


def insert_verdicts(rows: Iterable[Row]) -> None:
    """Insert the rows of :func:`verdict`."""
    copying.insert(model=BatchRecord, fields=_RECORD_FIELDS, rows=rows)


_RECORD_FIELDS = (
    "batch_id",
    "index",
    "state",
    "reason",
    "kind",
    "card_id",
    "payment_id",
    "atc",
    "amount_minor",
    "currency",
    "approval_code",
    "tapped_at",
)


def verdict(entry: Entry) -> Row:
    """Return the row that tells what became of one record."""
    taken, verdict, record = entry.taken, entry.verdict, entry.taken.record
    return (
        taken.batch_id,
        taken.place,
        "POSTED" if verdict.posted else "REJECTED",
        str(verdict.reason),
        record and int(record.kind),
        taken.card and taken.card.card_id,
        entry.payment_id,
        record and record.atc,
        record and record.amount,
        record.currency if record else "",
        taken.approval_code,
        record and moment(record.at),
    )
