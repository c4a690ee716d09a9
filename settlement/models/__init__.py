from settlement.models.batches import AtcSeen, Batch, BatchRecord, Dispute, ExceptionItem
from settlement.models.ledger import LedgerAccount, Posting, Transfer
from settlement.models.payments import MerchantDay, Payment

__all__ = [
    "AtcSeen",
    "Batch",
    "BatchRecord",
    "Dispute",
    "ExceptionItem",
    "LedgerAccount",
    "MerchantDay",
    "Payment",
    "Posting",
    "Transfer",
]
