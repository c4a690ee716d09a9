"""The offline record: a phone's signature under one payment at one reader (protocol §5)."""

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum

from config.wire import b64, cose, schema
from config.wire.errors import Malformed
from config.wire.objects import SignedObject, at_key


class RecordKind(IntEnum):
    """What a record does: pay, or take a payment back."""

    SALE = 0
    VOID = 1


class Verification(IntEnum):
    """How the phone made sure of its holder."""

    NONE = 0
    PIN_OR_BIOMETRIC = 1


def document_of(data: bytes) -> str:
    """Return what everybody knows a record by: its payload, whatever envelope it comes in.

    :raises Malformed: it is no signed object
    """
    return b64.encode(hashlib.sha256(cose.parse(data).payload).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineRecord(SignedObject):
    """
    One offline payment or its void, under the card's key.

    ``amount`` and ``cumulative`` (since the reset, this one included) are minor units; ``at`` is
    the reader's time in epoch seconds; ``uses`` counts since the reset, this one included;
    ``ota_version`` is the newest command the phone applied. A void repeats the voided sale's
    amount, leaves ``uses`` and ``cumulative`` as they were and names the sale in ``voided_atc``.
    """

    card_token: bytes = field(metadata=at_key(2, schema.TOKEN))
    certificate_serial: bytes = field(metadata=at_key(3, schema.SERIAL))
    atc: int = field(metadata=at_key(4, schema.COUNT))
    kind: RecordKind = field(metadata=at_key(5, schema.Enumerated(RecordKind)))
    amount: int = field(metadata=at_key(6, schema.AMOUNT))
    currency: str = field(metadata=at_key(7, schema.CURRENCY))
    reader: str = field(metadata=at_key(8, schema.IDENTIFIER))
    reader_nonce: bytes = field(metadata=at_key(9, schema.NONCE))
    at: int = field(metadata=at_key(10, schema.TIME))
    uses: int = field(metadata=at_key(11, schema.COUNT))
    cumulative: int = field(metadata=at_key(12, schema.SUM))
    ota_version: int = field(metadata=at_key(13, schema.COUNT))
    voided_atc: int | None = field(default=None, metadata=at_key(14, schema.COUNT))
    verified: Verification = field(metadata=at_key(15, schema.Enumerated(Verification)))

    def check(self) -> None:
        """Refuse a void that names no sale, and a sale that names one."""
        if (self.kind is RecordKind.VOID) != (self.voided_atc is not None):
            raise Malformed("A void, and only a void, names the ATC it voids.")
