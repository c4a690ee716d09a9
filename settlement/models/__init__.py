from settlement.models.batches import AtcSeen, Batch, BatchRecord, Dispute, ExceptionItem
from settlement.models.days import DayChange, DayClose, MerchantDay
from settlement.models.ledger import LedgerAccount, Posting, Transfer
from settlement.models.payments import Payment
from settlement.models.payouts import Payout, PayoutLine
from settlement.models.requests import PaymentRequest, Refund

__all__ = [
    "AtcSeen",
    "Batch",
    "BatchRecord",
    "DayChange",
    "DayClose",
    "Dispute",
    "ExceptionItem",
    "LedgerAccount",
    "MerchantDay",
    "Payment",
    "PaymentRequest",
    "Payout",
    "PayoutLine",
    "Posting",
    "Refund",
    "Transfer",
]
