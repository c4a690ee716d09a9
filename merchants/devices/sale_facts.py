"""The words of a sale at a till: what is shown, what is asked, what is kept over a restart."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

APPROVED: Final = "APPROVED"
DECLINED: Final = "DECLINED"
REVERSED: Final = "REVERSED"
OPEN: Final = frozenset({"REQUESTED", "CLAIMED", "APPROVING"})
FINAL: Final = frozenset({APPROVED, DECLINED, "CANCELLED", "EXPIRED", REVERSED})


class Display(StrEnum):
    """What the till's screen says; ``CHECKING`` while it does not know, never a server's state."""

    REQUESTED = "requested"
    OPENED = "opened"  # by the customer
    PAID = "paid"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVERSED = "reversed"
    CHECKING = "checking"
    REFUSED = "refused"  # the portal took no such request: nothing can be paid under this T-ID


SHOWN: Final = {
    "REQUESTED": Display.REQUESTED,
    "CLAIMED": Display.OPENED,
    "APPROVING": Display.OPENED,
    APPROVED: Display.PAID,
    DECLINED: Display.DECLINED,
    "CANCELLED": Display.CANCELLED,
    "EXPIRED": Display.EXPIRED,
    REVERSED: Display.REVERSED,
}


class CallKind(StrEnum):
    """What a till asks the portal about one T-ID."""

    REQUEST = "request"
    LOOK = "look"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to the portal: POST with an idempotency key, GET without one."""

    tid: str
    kind: CallKind
    path: str
    body: Mapping[str, Any] | None = None
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the answer to a request adds: its end by the server's clock, and whom to register at."""

    expires_at: float
    rns_host: str
    rns_port: int


@dataclass(slots=True, kw_only=True)
class Facts:
    """What is kept of a sale. ``opened_at`` is local time, ``expires_at`` the server's."""

    tid: str
    amount_minor: int
    currency: str
    order: str
    opened_at: float
    accepted: bool = False  # the portal has answered for this T-ID
    may_be_there: bool = False  # a request went out that nothing answered
    state: str = ""
    approval_code: str = ""
    reason: str = ""
    refused: str = ""
    number: int = 0  # of the newest RESULT taken
    expires_at: float = 0.0
    rns_host: str = ""
    rns_port: int = 0
    wants_cancel: bool = False
    timed_out: bool = False  # the wish to cancel is the clock's, not the cashier's
    cancel_sent: bool = False
    cancels: int = 0  # decided so far: each further one is an act of its own

    @property
    def money(self) -> tuple[int, str]:
        """Return amount in minor units and currency."""
        return self.amount_minor, self.currency

    @property
    def is_closed(self) -> bool:
        """Return whether the end is known and nothing is to be changed about it."""
        return bool(self.refused) or (self.state in FINAL and not self.wants_cancel)

    def to_state(self) -> dict[str, Any]:
        """Return the facts as JSON-able values; a till looks at all of them at each step."""
        return {name: getattr(self, name) for name in _FACTS}

    def request(self, *, bill_digest: str | None) -> dict[str, Any]:
        """Return the body of ``POST /terminal/payments``."""
        body: dict[str, Any] = {
            "tid": self.tid,
            "amount": self.amount_minor,
            "currency": self.currency,
        }
        if self.order:
            body["order"] = self.order
        if bill_digest is not None:
            body["bill_digest"] = bill_digest
        return body

    def wish_to_cancel(self, *, reason: str = "", timed_out: bool = False) -> None:
        """Note that the payment is to end, or to be reversed."""
        self.wants_cancel = True
        self.timed_out = timed_out
        self.reason = reason or self.reason

    def take(self, state: str, *, code: str, reason: str, by_cancel: bool) -> bool:
        """Take a proven state, unless it would leave a final one; return whether it is a new end.

        An end fulfils the wish to cancel, but for an approval that came first: that is reversed,
        unless only the clock wished and the portal has not been asked yet.
        """
        if state == self.state:
            self.approval_code = code or self.approval_code
            self.reason = reason or self.reason
        may_follow = self.state not in FINAL or (self.state, state) == (APPROVED, REVERSED)
        is_new_end = state in FINAL and state != self.state and may_follow
        if is_new_end or (state in OPEN and may_follow):
            self.state = state
            self.approval_code = code or self.approval_code
            self.reason = reason or self.reason
        unasked = self.timed_out and not self.cancel_sent
        if self.state in FINAL and (by_cancel or self.state != APPROVED or unasked):
            self.wants_cancel = False
        return is_new_end


_FACTS: Final = tuple(field.name for field in fields(Facts))
