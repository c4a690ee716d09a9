from settlement.models.batches import AtcSeen, Batch, BatchRecord, Dispute, ExceptionItem
from settlement.models.ledger import LedgerAccount, Posting, Transfer
from settlement.models.payments import MerchantDay, Payment
from settlement.models.payouts import Payout, PayoutLine

__all__ = [
    "AtcSeen",
    "Batch",
    "BatchRecord",
    "Dispute",
    "ExceptionItem",
    "LedgerAccount",
    "MerchantDay",
    "Payment",
    "Payout",
    "PayoutLine",
    "Posting",
    "Transfer",
]
