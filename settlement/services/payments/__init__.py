"""Payments that a terminal asks for and a phone approves (protocol §4.1).

Every act locks the payment first, in one round trip with all it must know, judges, and writes in a
second one: the row moves along its table, and its event is part of the same transaction.
"""

from settlement.services.payments.answers import end_overdue, settle
from settlement.services.payments.approvals import approve
from settlement.services.payments.claims import claim, decline, release, take_back
from settlement.services.payments.consents import Approval, Consent
from settlement.services.payments.expiry import end_due
from settlement.services.payments.refunds import Refunded, refund
from settlement.services.payments.requests import cancel, request, seen_by_terminal
from settlement.services.payments.reversals import reverse

__all__ = [
    "Approval",
    "Consent",
    "Refunded",
    "approve",
    "cancel",
    "claim",
    "decline",
    "end_due",
    "end_overdue",
    "refund",
    "release",
    "request",
    "reverse",
    "seen_by_terminal",
    "settle",
    "take_back",
]
