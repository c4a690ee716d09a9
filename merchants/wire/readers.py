"""How a reader shows who it is and asks a phone to sign (protocol §5)."""

from dataclasses import dataclass, field

from config.wire import schema
from config.wire.objects import SignedObject, at_key


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderCertificate(SignedObject):
    """The platform's word that a key speaks for a merchant's reader; times in epoch seconds."""

    device: str = field(metadata=at_key(2, schema.IDENTIFIER))
    merchant: str = field(metadata=at_key(3, schema.IDENTIFIER))
    merchant_name: str = field(metadata=at_key(4, schema.NAME))
    public_key: bytes = field(metadata=at_key(5, schema.PUBLIC_KEY))
    issued: int = field(metadata=at_key(6, schema.TIME))
    expires: int = field(metadata=at_key(7, schema.TIME))


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge(SignedObject):
    """The reader's question to a phone; ``amount`` in minor units, ``at`` in epoch seconds."""

    device: str = field(metadata=at_key(2, schema.IDENTIFIER))
    nonce: bytes = field(metadata=at_key(3, schema.NONCE))
    amount: int = field(metadata=at_key(4, schema.AMOUNT))
    currency: str = field(metadata=at_key(5, schema.CURRENCY))
    at: int = field(metadata=at_key(6, schema.TIME))
