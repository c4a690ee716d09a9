"""Batches of offline records as a reader uploads them (protocol §5)."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from config.wire import base32, schema
from config.wire.errors import Malformed
from config.wire.objects import SignedObject, at_key

# A reader holds 500 records. Twice that is taken, for a batch too long to take could never clear.
_ENTRIES_MAX: Final = 1000
_CURRENCIES_MAX: Final = 200
_ISSUERS_MAX: Final = 1000
_APPROVAL_CODE: Final = schema.Text(6, 6, re.compile(f"O[{base32.ALPHABET}]{{5}}"))


class BatchEntry(NamedTuple):
    """One record as the reader took it, with what it knew of the blacklist at that moment."""

    record: bytes
    approval_code: str
    blacklist_version: int


_ENTRY: Final = schema.Row(BatchEntry, schema.OBJECT, _APPROVAL_CODE, schema.COUNT)
_TOTALS: Final = schema.MapOf(
    schema.CURRENCY,
    schema.Integer(-schema.SIGNED_64_MAX, schema.SIGNED_64_MAX),
    most=_CURRENCIES_MAX,
)
_VERSIONS: Final = schema.MapOf(schema.IDENTIFIER, schema.COUNT, most=_ISSUERS_MAX)


def batch_digest(data: bytes) -> bytes:
    """Return the SHA-256 of a batch's exact bytes, which the next batch names."""
    return hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(SignedObject):
    """
    A link in a reader's chain of uploads.

    ``count`` and ``totals`` (minor units by currency, sales less voids) are what the reader says;
    that they fit the entries is a rule of the portal's, with refusals of its own. ``blacklists``
    holds the version held now, by issuer.
    """

    BYTES_MAX = 8 * 1024 * 1024

    device: str = field(metadata=at_key(2, schema.IDENTIFIER))
    sequence: int = field(metadata=at_key(3, schema.ORDINAL))
    previous_digest: bytes = field(metadata=at_key(4, schema.DIGEST))
    created: int = field(metadata=at_key(5, schema.TIME))
    count: int = field(metadata=at_key(6, schema.COUNT))
    totals: dict[str, int] = field(metadata=at_key(7, _TOTALS))
    certificates: list[bytes] = field(
        metadata=at_key(8, schema.ListOf(schema.OBJECT, most=_ENTRIES_MAX))
    )
    entries: list[BatchEntry] = field(metadata=at_key(9, schema.ListOf(_ENTRY, most=_ENTRIES_MAX)))
    blacklists: dict[str, int] = field(metadata=at_key(10, _VERSIONS))

    def check(self) -> None:
        """Refuse a certificate that comes twice."""
        if len(set(self.certificates)) != len(self.certificates):
            raise Malformed("A batch holds each certificate once.")
