"""An issuer's word on one payment, from the facts of the card and its account.

Decline codes: ``card_blocked insufficient_funds limit_exceeded velocity issuer_refused``
(protocol §4.1).
"""

from enum import StrEnum
from typing import NamedTuple


class DeclineReason(StrEnum):
    """Why an issuer says no, in the order of the checks."""

    CARD_BLOCKED = "card_blocked"  # blocked, on the blacklist, closed, or frozen by its owner
    ISSUER_REFUSED = "issuer_refused"  # the account is closed, or of another currency
    LIMIT_EXCEEDED = "limit_exceeded"
    VELOCITY = "velocity"
    INSUFFICIENT_FUNDS = "insufficient_funds"


class Standing(NamedTuple):
    """Where a card stands at the moment it is asked about; amounts in minor units."""

    blocked: bool
    open: bool  # its account
    currency: str
    cap_minor: int | None  # per payment, of card and programme the lower; None: no cap
    approvals: int  # in the window that ends now
    approvals_most: int
    available_minor: int


def reason_against(standing: Standing, *, amount_minor: int, currency: str) -> DeclineReason | None:
    """Return the first reason to decline ``amount_minor``; None to approve. Caps are inclusive."""
    if standing.blocked:
        return DeclineReason.CARD_BLOCKED
    if not standing.open or standing.currency != currency:
        return DeclineReason.ISSUER_REFUSED
    if standing.cap_minor is not None and amount_minor > standing.cap_minor:
        return DeclineReason.LIMIT_EXCEEDED
    if standing.approvals >= standing.approvals_most:
        return DeclineReason.VELOCITY
    if amount_minor > standing.available_minor:
        return DeclineReason.INSUFFICIENT_FUNDS
    return None
