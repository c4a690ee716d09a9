"""The phone's own copies of what it signed: evidence and early exposure (protocol §3.1)."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Count

from config import pipeline, repetitions
from config.models import Device
from config.pipeline import Statement
from config.refusals import Refused
from config.repetitions import Call
from config.wire import b64, cose
from config.wire.errors import WireError
from issuers.models import Credential
from wallets.models import OfflineCopy
from wallets.wire import OfflineRecord

RECORDS_MAX = 500
# Of one certificate, which lasts a week: a phone signs what it likes, and copies are never deleted.
COPIES_MAX = 5000


class RecordMalformed(Refused):
    code = "record_malformed"
    title = "This is not an offline record"


class RecordForeign(Refused):
    code = "record_foreign"
    title = "The record was not signed by a card on this phone"


class TooManyRecords(Refused):
    code = "too_many_records"
    status = 429
    title = "This certificate has more records than it can have paid with"


def keep(*, device: Device, records: Sequence[bytes], at: datetime) -> int:
    """Store each record once and return how many were new; nothing is ever posted from here.

    ``records``: COSE_Sign1 bytes as the phone handed them to readers, at most 500.

    :raises RecordMalformed: one of them is no offline record
    :raises RecordForeign: one was not signed by a credential of this phone
    :raises TooManyRecords: a certificate has more copies than it can have paid with
    """
    opened = [_opened(data) for data in records]
    credentials = {
        bytes(credential.serial): credential
        for credential in Credential.objects.filter(
            device=device, serial__in={record.certificate_serial for record in opened}
        )
    }
    copies = [
        _copy(credentials, record, data, at) for record, data in zip(opened, records, strict=True)
    ]
    kept = OfflineCopy.objects.filter(credential__in=credentials.values())
    before = kept.count()
    sent = [copy.payload_digest for copy in copies]
    known = kept.filter(payload_digest__in=sent).values_list("payload_digest", flat=True)
    again = {b64.encode(bytes(digest)) for digest in known}
    with transaction.atomic():
        OfflineCopy.objects.bulk_create(copies, ignore_conflicts=True)
        counts = dict(kept.values_list("credential").annotate(n=Count("pk")))
        if max(counts.values(), default=0) > COPIES_MAX:
            raise TooManyRecords
        if again:
            pipeline.run(_noting(device, again, at))
    return sum(counts.values()) - before


def _noting(device: Device, subjects: Iterable[str], at: datetime) -> Statement:
    caller = f"device:{device.reference}"
    return repetitions.noting(subjects=sorted(subjects), call=Call.COPIES, caller=caller, at=at)


def _opened(data: bytes) -> OfflineRecord:
    try:
        return OfflineRecord.peek(data)
    except WireError as error:
        raise RecordMalformed(str(error)) from None


def _copy(
    credentials: dict[bytes, Credential], record: OfflineRecord, data: bytes, at: datetime
) -> OfflineCopy:
    credential = credentials.get(record.certificate_serial)
    if credential is None:
        raise RecordForeign
    try:
        payload = cose.verify(data=data, public_key=bytes(credential.public_key))
    except WireError:
        raise RecordForeign from None
    return OfflineCopy(
        credential=credential,
        atc=record.atc,
        payload_digest=hashlib.sha256(payload).digest(),
        record=data,
        amount_minor=record.amount,
        reader=record.reader,
        tapped_at=datetime.fromtimestamp(record.at, UTC),
        received_at=at,
    )
