from settlement.models.batches import AtcSeen, Batch, BatchRecord, Dispute, ExceptionItem
from settlement.models.checkouts import Checkout, Earned
from settlement.models.days import DayChange, DayClose, MerchantDay
from settlement.models.ledger import LedgerAccount, Posting, Transfer
from settlement.models.payments import Payment
from settlement.models.payouts import Payout, PayoutLine
from settlement.models.preapprovals import Preapproval, RedemptionTry
from settlement.models.redemptions import Redemption, ReversedRequest
from settlement.models.requests import PaymentRequest, Refund
from settlement.models.stock import StockItem
from settlement.models.suspense import SuspenseProposal

__all__ = [
    "AtcSeen",
    "Batch",
    "BatchRecord",
    "Checkout",
    "DayChange",
    "DayClose",
    "Dispute",
    "Earned",
    "ExceptionItem",
    "LedgerAccount",
    "MerchantDay",
    "Payment",
    "PaymentRequest",
    "Payout",
    "PayoutLine",
    "Posting",
    "Preapproval",
    "Redemption",
    "RedemptionTry",
    "Refund",
    "ReversedRequest",
    "StockItem",
    "SuspenseProposal",
    "Transfer",
]
