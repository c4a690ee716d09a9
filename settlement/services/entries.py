"""A sheet into the database: each kind of row in one statement, whatever their number."""

from collections.abc import Iterator
from datetime import UTC, datetime

from config.pipeline import Statement
from settlement.models import AtcSeen, BatchRecord, Payment
from settlement.rules.facts import Genuine, Sale
from settlement.rules.sheet import Entry, Sheet
from settlement.services import copying


def insert_payments(sheet: Sheet, *, at: datetime) -> None:
    """
    Insert the payments; one voided on the same sheet is born REVERSED.

    In the order of credential and ATC, as :func:`use_atcs`: two postings that bring the same ATC
    never wait for each other in a circle.

    :raises IntegrityError: another posting took an ATC after the history was read
    """
    copying.insert(model=Payment, fields=_PAYMENT_FIELDS, rows=_payments(sheet, at))


def inserting(sheet: Sheet, *, at: datetime) -> list[Statement]:
    """Return the statements of :func:`insert_payments`, then :func:`use_atcs`, for a few rows."""
    return [
        *(
            copying.inserting(model=Payment, fields=_PAYMENT_FIELDS, row=row)
            for row in _payments(sheet, at)
        ),
        *(
            copying.inserting(model=AtcSeen, fields=_ATC_FIELDS, row=row)
            for row in _used_atcs(sheet)
        ),
    ]


def _payments(sheet: Sheet, at: datetime) -> Iterator[tuple[object, ...]]:
    for genuine, sale in sorted(sheet.sales, key=_by_atc):
        yield _payment(genuine, sale, at)


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


def _by_atc(posted: tuple[Genuine, Sale]) -> tuple[int, int]:
    genuine, _sale = posted
    return (genuine.credential.credential_id, genuine.record.atc)


def _payment(genuine: Genuine, sale: Sale, at: datetime) -> tuple[object, ...]:
    taken, record, reader = genuine.taken, genuine.record, genuine.taken.reader
    return (
        sale.payment_id,
        sale.reference,
        "OFFLINE",
        "REVERSED" if sale.voided else "APPROVED",
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
        sale.liability.bearer.value,
        sale.liability.cause,
        sale.fee_minor,
        sale.business_date,
        datetime.fromtimestamp(record.at, UTC),
        at,
    )


def use_atcs(sheet: Sheet) -> None:
    """
    Take the ATCs of what posts, sales and voids, for ever.

    Under the first credential the card had on the phone: an ATC serves one certificate only, so a
    copy of a phone gains nothing by a renewal.

    :raises IntegrityError: another posting took one of them after the history was read
    """
    copying.insert(model=AtcSeen, fields=_ATC_FIELDS, rows=_used_atcs(sheet))


_ATC_FIELDS = ("credential_id", "atc", "payload_digest", "payment_id")


def _used_atcs(sheet: Sheet) -> list[tuple[object, ...]]:
    rows = [
        (*genuine.used_atc, genuine.taken.digest, payment_id)
        for genuine, payment_id in sheet.posted
    ]
    return sorted(rows)


def reverse_sales(sheet: Sheet) -> None:
    """Move the sales of earlier postings that were voided to REVERSED; history locked them."""
    new = {sale.payment_id for _, sale in sheet.sales}
    earlier = [void.sale.payment_id for void in sheet.voids if void.sale.payment_id not in new]
    moved = Payment.objects.filter(pk__in=earlier, state=Payment.State.APPROVED).update(
        state=Payment.State.REVERSED
    )
    assert moved == len(earlier), "a locked sale is no longer what the history said"


def insert_records(sheet: Sheet) -> None:
    """Insert the verdict on every record."""
    copying.insert(
        model=BatchRecord,
        fields=_RECORD_FIELDS,
        rows=map(_record, sheet.entries),
    )


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


def _record(entry: Entry) -> tuple[object, ...]:
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
        record and datetime.fromtimestamp(record.at, UTC),
    )
