"""Pre-approvals: made on a phone after its holder proved to be there, ended by people or time.

Locks: the customer while one is made, else the pre-approval; then the phone (shared), card and
account. What a machine makes of one is :mod:`settlement.services.redemptions`.
"""

from settlement.services.preapprovals.approving import Approved, approve, approve_proved
from settlement.services.preapprovals.ending import cancel, cancel_by_issuer, expire_due
from settlement.services.preapprovals.refusals import (
    BoundInvalid,
    CertificateRequired,
    KindNotAllowed,
    PartialNotAllowed,
    PickupCodeRequired,
    PreapprovalFinal,
    PreapprovalInProgress,
    ValidTooLong,
)
from settlement.services.preapprovals.wishes import Bound, Wish

__all__ = [
    "Approved",
    "Bound",
    "BoundInvalid",
    "CertificateRequired",
    "KindNotAllowed",
    "PartialNotAllowed",
    "PickupCodeRequired",
    "PreapprovalFinal",
    "PreapprovalInProgress",
    "ValidTooLong",
    "Wish",
    "approve",
    "approve_proved",
    "cancel",
    "cancel_by_issuer",
    "expire_due",
]
