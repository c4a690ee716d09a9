"""The words of a purchase: its steps, what the phone asks, what the portal confirms."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from merchants.wire import Bill


class Step(StrEnum):
    """Where a purchase stands on the phone's screen."""

    LOOKING = "looking"
    WAITING = "waiting"  # for the till's request to reach the portal
    OPEN = "open"  # merchant and amount are shown, the customer decides
    CHECKING = "checking"  # an act was sent and no answer has come yet
    PAID = "paid"
    DECLINED = "declined"
    RELEASED = "released"
    ENDED = "ended"  # otherwise, ``reason`` says how
    REFUSED = "refused"  # by the portal or by the phone itself, ``reason`` says why


class Act(StrEnum):
    """What the phone asks of the portal about one T-ID."""

    CLAIM = "claim"
    RELEASE = "release"
    DECLINE = "decline"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletCall:
    """A POST of ``body`` to ``path`` under ``idempotency_key``."""

    act: Act
    path: str
    idempotency_key: str
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What the portal confirmed: who asks for how much. ``amount`` in minor units."""

    merchant: str
    merchant_name: str
    store: str
    amount: int
    currency: str
    order: str
    expires_at: str
    claim_expires_at: str

    @classmethod
    def of_portal(cls, told: Mapping[str, Any]) -> Self:
        """Return what a claim's answer says, or raise what a wrong one makes us stumble on."""
        return cls(
            merchant=str(told["merchant"]["id"]),
            merchant_name=str(told["merchant"]["name"]),
            store=str(told.get("store") or ""),
            amount=int(told["amount"]),
            currency=str(told["currency"]),
            order=str(told.get("order") or ""),
            expires_at=str(told["expires_at"]),
            claim_expires_at=str(told.get("claim_expires_at") or ""),
        )

    def is_of(self, bill: Bill) -> bool:
        """Return whether a relay's bill says the same."""
        says = (bill.merchant, bill.amount, bill.currency, bill.order)
        return says == (self.merchant, self.amount, self.currency, self.order)
