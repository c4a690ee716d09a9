"""Batches of offline records: taken in whole or refused whole, then posted (protocol §5)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from config import events, references, repetitions
from config.models import Alert, Device
from config.refusals import NotFound, Refused
from config.repetitions import Call
from config.wire import b64
from merchants.models import Merchant
from settlement.models import Batch
from settlement.rules import told
from settlement.services import missing, silence
from settlement.services.posting import post_all_waiting, post_waiting
from settlement.services.uploads import BatchRefused, Upload, examine

__all__ = [
    "BatchRefused",
    "Received",
    "Result",
    "post_all_waiting",
    "post_waiting",
    "receive",
    "result_of",
]

_FIRST: Final = bytes(32)  # what the first batch names as the digest of the one before


class BatchSequence(BatchRefused):
    code = "batch_sequence"
    title = "The batch is not the next one of this reader"


class BatchChain(BatchRefused):
    code = "batch_chain"
    title = "The batch does not name the digest of the one before"


class BatchConflict(Refused):
    code = "batch_conflict"
    status = 409
    title = "Another batch was accepted under this sequence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The answer to an upload; ``digest`` is base64url of the SHA-256 of its bytes."""

    sequence: int
    digest: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a batch: of each record, once it is POSTED; totals in minor units."""

    sequence: int
    digest: str
    state: str
    refusal: str
    totals: dict[str, int]
    results: list[dict[str, Any]]


def receive(*, device: Device, content: bytes, at: datetime) -> Received:
    """
    Take in a batch as the reader ``device`` uploaded it, to be posted soon after.

    Bytes accepted before get the same answer and change nothing. A refusal is kept with the bytes
    and its event, and leaves the sequence free. The answer is given within one short transaction
    that locks the reader's row; all that takes time happens before it.

    :raises BatchRefused: 422: signature, form, count, totals, sequence or chain are wrong
    :raises BatchConflict: another batch was accepted under this sequence
    """
    upload = examine(device=device, content=content)
    refusal: Refused | None
    with transaction.atomic():
        Device.objects.select_for_update(no_key=True).get(pk=device.pk)
        before = _accepted(device, upload.sequence) if upload.signed else None
        if before is None:
            refusal = upload.refusal or _break_in_chain(device, upload)
            batch = _store(device, upload, refusal, at)
            missing.note(batch=batch, at=at)
            silence.end(batch=batch, at=at)
        else:
            same = bytes(before.digest) == upload.digest
            refusal, batch = None if same else _conflict(before, at), before
            if same:
                _note_again(batch, at)
    if refusal is not None:
        raise refusal
    return Received(sequence=batch.sequence, digest=b64.encode(upload.digest), state="RECEIVED")


def result_of(*, device: Device, sequence: int) -> Result:
    """
    Return what became of the reader's batch: of the accepted one, else of the latest refused.

    :raises NotFound: the reader uploaded none of this sequence
    """
    batch = _accepted(device, sequence) or _refused(device, sequence).order_by("-pk").first()
    if batch is None:
        raise NotFound
    return Result(
        sequence=batch.sequence,
        digest=b64.encode(bytes(batch.digest)),
        state=batch.state,
        refusal=batch.refusal,
        totals=batch.totals,
        results=[
            {"index": index, "state": state} | ({"reason": reason} if reason else {})
            for index, state, reason in batch.records.order_by("index").values_list(
                "index", "state", "reason"
            )
        ],
    )


def _break_in_chain(device: Device, upload: Upload) -> BatchRefused | None:
    assert upload.signed is not None, "what is not this reader's batch was refused before"
    newest = _all_accepted(device).order_by("-sequence").first()
    expected = newest.sequence + 1 if newest else 1
    if upload.sequence != expected:
        return BatchSequence(f"Sequence {expected} is next.")
    if upload.signed.previous_digest != (bytes(newest.digest) if newest else _FIRST):
        return BatchChain(f"Batch {expected - 1} has another digest.")
    return None


def _conflict(before: Batch, at: datetime) -> BatchConflict:
    """Return the refusal, and tell someone: an honest reader keeps the bytes it has sent."""
    Alert.objects.get_or_create(
        kind="batch_conflict",
        subject=before.reference,
        cleared_at=None,
        defaults={
            "tenant": before.merchant.reference,
            "detail": f"The reader sent another batch {before.sequence}.",
            "raised_at": at,
        },
    )
    return BatchConflict()


def _all_accepted(device: Device) -> QuerySet[Batch]:
    return Batch.objects.filter(device=device).exclude(state=Batch.State.REFUSED)


def _accepted(device: Device, sequence: int) -> Batch | None:
    return _all_accepted(device).filter(sequence=sequence).first()


def _refused(device: Device, sequence: int) -> QuerySet[Batch]:
    return Batch.objects.filter(device=device, sequence=sequence, state=Batch.State.REFUSED)


def _store(device: Device, upload: Upload, refusal: BatchRefused | None, at: datetime) -> Batch:
    """Store the upload; the same bytes refused for the same reason are stored once."""
    code = refusal.code if refusal else ""
    if refusal is not None:
        kept = _refused(device, upload.sequence).filter(digest=upload.digest, refusal=code).first()
        if kept is not None:
            _note_again(kept, at)
            return kept
    signed = upload.signed
    batch = Batch.objects.create(
        reference=references.new("BAT"),
        device=device,
        merchant=Merchant.objects.get(reference=device.owner),
        sequence=upload.sequence,
        digest=upload.digest,
        previous_digest=signed.previous_digest if signed else _FIRST,
        content=upload.content,
        state=Batch.State.REFUSED if refusal else Batch.State.RECEIVED,
        refusal=code,
        record_count=len(signed.entries) if signed else 0,
        totals=signed.totals if signed else {},
        blacklists=signed.blacklists if signed else {},
        created_at=datetime.fromtimestamp(signed.created, UTC) if signed else at,
        received_at=at,
    )
    if refusal is not None:
        _tell_refused(batch, at)
    return batch


def _note_again(batch: Batch, at: datetime) -> None:
    subject = b64.encode(bytes(batch.digest))
    repetitions.note(subject=subject, call=Call.BATCH, device=batch.device.reference, at=at)


def _tell_refused(batch: Batch, at: datetime) -> None:
    body = told.batch(
        reference=batch.reference,
        device=batch.device.reference,
        sequence=batch.sequence,
        state=batch.state,
        records=batch.record_count,
        refusal=batch.refusal,
    )
    events.write(
        scope=batch.merchant.reference,
        kind="batch.refused",
        subject=batch.reference,
        at=at,
        body={"batch": body},
    )
