"""The phone's own copies of what it signed: evidence and early exposure (protocol §3.1)."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from config.models import Device
from config.refusals import Refused
from config.wire import cose
from config.wire.errors import WireError
from issuers.models import Credential
from wallets.models import OfflineCopy
from wallets.wire import OfflineRecord

RECORDS_MAX = 500


class RecordMalformed(Refused):
    code = "record_malformed"
    title = "This is not an offline record"


class RecordForeign(Refused):
    code = "record_foreign"
    title = "The record was not signed by a card on this phone"


def keep(*, device: Device, records: Sequence[bytes], at: datetime) -> int:
    """Store each record once and return how many were new; nothing is ever posted from here.

    ``records``: COSE_Sign1 bytes as the phone handed them to readers, at most 500.

    :raises RecordMalformed: one of them is no offline record
    :raises RecordForeign: one was not signed by a credential of this phone
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
    before = OfflineCopy.objects.filter(credential__device=device).count()
    OfflineCopy.objects.bulk_create(copies, ignore_conflicts=True)
    return OfflineCopy.objects.filter(credential__device=device).count() - before


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
