"""An upload looked at alone: is it this reader's batch, and does it add up (protocol §5)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from config.models import Device
from config.refusals import Refused
from config.wire.errors import BadSignature, WireError
from merchants.wire import Batch as SignedBatch
from merchants.wire import batch_digest
from settlement.services.evidence import read_record
from wallets.wire import RecordKind


class BatchRefused(Refused):
    """The whole batch is refused and kept as such; its sequence is not used up."""


class BatchSignature(BatchRefused):
    code = "batch_signature"
    title = "The batch is not signed by this reader"


class BatchMalformed(BatchRefused):
    code = "batch_malformed"
    title = "These bytes are no batch"


class BatchCount(BatchRefused):
    code = "batch_count"
    title = "The batch does not hold as many records as it says"


class BatchTotal(BatchRefused):
    code = "batch_total"
    title = "The records do not add up to what the batch says"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload looked at alone; ``signed`` is None where it is not this reader's batch."""

    content: bytes
    digest: bytes
    sequence: int  # as it says, or 0
    signed: SignedBatch | None
    refusal: BatchRefused | None


def examine(*, device: Device, content: bytes) -> Upload:
    """Return what ``content`` is and, if it must be refused whatever came before, why."""
    signed, said, refusal = _open(device, content)
    if signed is not None:
        refusal = _miscounted(signed)
    return Upload(
        content=content,
        digest=batch_digest(content),
        sequence=said.sequence if said else 0,
        signed=signed,
        refusal=refusal,
    )


def _open(
    device: Device, content: bytes
) -> tuple[SignedBatch | None, SignedBatch | None, BatchRefused | None]:
    """Return the batch if it is this reader's, what the bytes say in any case, and the refusal."""
    try:
        signed = SignedBatch.open(content, public_key=bytes(device.public_key))
    except BadSignature as wrong:
        return None, _said(content), BatchSignature(str(wrong))
    except WireError as wrong:
        return None, None, BatchMalformed(str(wrong))
    if signed.device != device.reference:
        return None, signed, BatchSignature(f"The batch is {signed.device}'s.")
    return signed, signed, None


def _said(content: bytes) -> SignedBatch | None:
    try:
        return SignedBatch.peek(content)
    except WireError:
        return None


def _miscounted(signed: SignedBatch) -> BatchRefused | None:
    """Return the refusal of a batch that does not add up; what cannot be read adds nothing."""
    if signed.count != len(signed.entries):
        return BatchCount(f"{len(signed.entries)} records, not {signed.count}.")
    totals: dict[str, int] = defaultdict(int)
    for entry in signed.entries:
        record = read_record(entry).record
        if record is not None:
            sale = record.kind is RecordKind.SALE
            totals[record.currency] += record.amount if sale else -record.amount
    if _without_zeros(totals) != _without_zeros(signed.totals):
        return BatchTotal(f"{dict(totals)}, not {signed.totals}.")
    return None


def _without_zeros(totals: Mapping[str, int]) -> dict[str, int]:
    return {currency: minor for currency, minor in totals.items() if minor}
