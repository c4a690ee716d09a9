"""Checkouts: a till takes a plan by its number, and the purchase comes to its end (protocol §6).

Locks: the payment, where there is one, and its checkout; then as everywhere (plan, holdings, card).
"""

from settlement.services.checkouts.consents import approve
from settlement.services.checkouts.ending import abandon, cancel, confirm, end_due, seen_by_terminal
from settlement.services.checkouts.opening import Asked, Begun, begin
from settlement.services.checkouts.refusals import CheckoutFinal, ConsentRequired

__all__ = [
    "Asked",
    "Begun",
    "CheckoutFinal",
    "ConsentRequired",
    "abandon",
    "approve",
    "begin",
    "cancel",
    "confirm",
    "end_due",
    "seen_by_terminal",
]
