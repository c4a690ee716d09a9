"""What readers, terminals and relays sign (protocol §4.1 and §5)."""

from merchants.wire.batches import Batch, BatchEntry, batch_digest
from merchants.wire.bills import Bill, BillClear
from merchants.wire.readers import Challenge, ReaderCertificate

__all__ = [
    "Batch",
    "BatchEntry",
    "Bill",
    "BillClear",
    "Challenge",
    "ReaderCertificate",
    "batch_digest",
]
