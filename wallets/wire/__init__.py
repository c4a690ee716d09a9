"""What phones sign and compute (protocol §2 and §5)."""

from wallets.wire.assertions import Assertion
from wallets.wire.records import OfflineRecord, RecordKind, Verification, document_of

__all__ = ["Assertion", "OfflineRecord", "RecordKind", "Verification", "document_of"]
