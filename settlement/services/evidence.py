"""What a batch proves by itself: decoded, its cards looked up, every signature verified.

None of it can change once the batch was accepted, so all of it happens before the first lock.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from django.db import connection

from config import arrays, garbage, pipeline
from config.models import Device
from config.pipeline import Statement
from config.wire import cose
from config.wire.errors import WireError
from issuers.wire import CardCertificate
from merchants.wire import Batch as SignedBatch
from merchants.wire import BatchEntry
from settlement.models import Batch
from settlement.rules.facts import Card, Credential, Reader, Taken
from wallets.wire import OfflineRecord

type _Row = tuple[Any, ...]

_VERIFIERS: Final = 2  # threads: a signature is verified with the interpreter left to others


class Evidence(NamedTuple):
    """A batch with its records as taken, ready to be judged."""

    batch_id: int
    reference: str
    sequence: int
    reader: Reader
    records: list[Taken]


class _Read(NamedTuple):
    entry: BatchEntry
    signed: cose.Sign1 | None  # the envelope, taken apart once
    record: OfflineRecord | None
    digest: bytes


class _Stored(NamedTuple):
    pk: int
    reference: str
    sequence: int
    content: bytes
    received_at: datetime
    device_id: int
    device: str
    enrolled_at: datetime
    merchant_id: int
    merchant: str
    time_zone: str
    store_id: int
    store: str


_STORED_FIELDS = (
    "pk",
    "reference",
    "sequence",
    "content",
    "received_at",
    "device_id",
    "device__reference",
    "device__enrolled_at",
    "merchant_id",
    "merchant__reference",
    "merchant__time_zone",
    "device__equipment__store_id",
    "device__equipment__store__reference",
)


@garbage.left_alone()
def gather(*, batch_ids: Sequence[int]) -> list[Evidence]:
    """
    Return the evidence of these accepted batches, in the order of their ids.

    Three queries, whatever their size, and one signature check per record.
    """
    rows = Batch.objects.filter(pk__in=batch_ids).order_by("pk").values_list(*_STORED_FIELDS)
    opened = [(row, read_records(bytes(row.content))) for row in map(_Stored._make, rows)]
    records = [read.record for _, reads in opened for read in reads if read.record is not None]
    credentials = _credentials(_rows(_about_credentials(records)))
    cards = _cards(_rows(_about_cards(records)))
    verified = partial(_evidence, cards=cards, credentials=credentials)
    with ThreadPoolExecutor(_VERIFIERS) as verifiers:
        return list(verifiers.map(verified, *zip(*opened, strict=True)))


def read_records(content: bytes) -> list[_Read]:
    """
    Return the entries of a batch's bytes, each with its record, or None where that cannot be read.

    :raises WireError: the bytes are no batch
    """
    batch = SignedBatch.of_payload(cose.parse(content).payload)
    return [read_record(entry) for entry in batch.entries]


def read_record(entry: BatchEntry) -> _Read:
    """Return one entry with its record and the SHA-256 of what the card signed."""
    try:
        signed = cose.parse(entry.record)
    except WireError:
        return _Read(entry, None, None, hashlib.sha256(entry.record).digest())
    digest = hashlib.sha256(signed.payload).digest()
    try:
        return _Read(entry, signed, OfflineRecord.of_payload(signed.payload), digest)
    except WireError:
        return _Read(entry, signed, None, digest)


def _evidence(
    row: _Stored,
    reads: Iterable[_Read],
    cards: Mapping[bytes, Card],
    credentials: Mapping[bytes, Credential],
) -> Evidence:
    reader = Reader(
        device_id=row.device_id,
        reference=row.device,
        enrolled_at=int(row.enrolled_at.timestamp()),
        merchant_id=row.merchant_id,
        merchant=row.merchant,
        time_zone=row.time_zone,
        store_id=row.store_id,
        store=row.store,
    )
    arrived_at = int(row.received_at.timestamp())
    taken = [
        _taken(read, reader, cards, credentials, batch_id=row.pk, place=place, at=arrived_at)
        for place, read in enumerate(reads)
    ]
    return Evidence(row.pk, row.reference, row.sequence, reader, taken)


class Tap(NamedTuple):
    """One record that a reader brings by itself."""

    taken: Taken
    certificate: bytes  # as the portal signed it; empty where it is not known


def of_tap(*, device: Device, record: bytes, approval_code: str, at: datetime) -> Tap:
    """
    Return a record taken as if it came in a batch at ``at``.

    ``approval_code``: the one it will have if it is approved. One round trip, one signature check.
    """
    read = read_record(BatchEntry(record, approval_code, 0))
    records = [] if read.record is None else [read.record]
    place, named, stored = pipeline.run(
        Statement(_PLACE, [device.pk]), _about_cards(records), _about_credentials(records)
    )
    assert place.row is not None, "a reader has its store"
    reader = Reader(device.pk, device.reference, int(device.enrolled_at.timestamp()), *place.row)
    cards, credentials = _cards(named.rows), _credentials(stored.rows)
    taken = _taken(read, reader, cards, credentials, batch_id=0, place=0, at=int(at.timestamp()))
    return Tap(taken, stored.row[_CERTIFICATE] if stored.row else b"")


_PLACE = """
SELECT e.merchant_id, m.reference, m.time_zone, e.store_id, s.reference
  FROM merchants_equipment e
  JOIN merchants_merchant m ON m.id = e.merchant_id
  JOIN merchants_store s ON s.id = e.store_id
 WHERE e.device_id = %s
"""


def _taken(
    read: _Read,
    reader: Reader,
    cards: Mapping[bytes, Card],
    credentials: Mapping[bytes, Credential],
    *,
    batch_id: int,
    place: int,
    at: int,
) -> Taken:
    entry, signed, record, digest = read
    credential = credentials.get(record.certificate_serial) if record else None
    return Taken(
        batch_id=batch_id,
        place=place,
        reader=reader,
        arrived_at=at,
        approval_code=entry.approval_code,
        claimed_version=entry.blacklist_version,
        record=record,
        digest=digest,
        card=cards.get(record.card_token) if record else None,
        credential=credential,
        genuine=signed is not None and credential is not None and _signed_by(credential, signed),
    )


def _signed_by(credential: Credential, signed: cose.Sign1) -> bool:
    try:
        cose.verify_parsed(signed, public_key=credential.public_key)
    except WireError:
        return False
    return True


def _about_cards(records: Iterable[OfflineRecord]) -> Statement:
    """Ask for the cards by one array, as for the credentials: thousands make no long query."""
    return Statement(_CARDS, [arrays.of_bytes({record.card_token for record in records})])


def _cards(rows: Iterable[_Row]) -> dict[bytes, Card]:
    return {bytes(token): Card._make(told) for token, *told in rows}


_CARDS = """
SELECT c.token, c.id, c.last4, c.issuer_id, i.reference, c.account_id, a.reference
  FROM issuers_card c JOIN issuers_issuer i ON i.id = c.issuer_id
  JOIN issuers_account a ON a.id = c.account_id
 WHERE c.token = ANY(%s::bytea[])
"""


def _about_credentials(records: Iterable[OfflineRecord]) -> Statement:
    serials = {record.certificate_serial for record in records}
    return Statement(_CREDENTIALS, [arrays.of_bytes(serials)])


def _credentials(rows: Iterable[_Row]) -> dict[bytes, Credential]:
    return {
        bytes(serial): _credential(pk, card_id, phone_id, bytes(certificate), first_id)
        for serial, pk, card_id, phone_id, certificate, first_id in rows
    }


_CREDENTIALS = """
SELECT c.serial, c.id, c.card_id, c.device_id, c.certificate,
       (SELECT min(first.id) FROM issuers_credential first
         WHERE first.card_id = c.card_id AND first.device_id = c.device_id
           AND first.public_key = c.public_key)
  FROM issuers_credential c
 WHERE c.serial = ANY(%s::bytea[]) AND c.certificate IS NOT NULL
"""


_CERTIFICATE: Final = 4  # its column in that


def _rows(statement: Statement) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return list(cursor.fetchall())


# The portal's own signature stands under it since it was stored; what it states never changes.
@lru_cache(maxsize=8192)
def _credential(
    pk: int, card_id: int, phone_id: int, certificate: bytes, first_id: int
) -> Credential:
    stated = CardCertificate.peek(certificate)
    return Credential(
        credential_id=pk,
        card_id=card_id,
        phone_id=phone_id,
        list_number=stated.list_number,
        public_key=stated.public_key,
        profile=stated.profile,
        expires=stated.expires,
        issued=stated.issued,
        first_id=first_id,
    )
