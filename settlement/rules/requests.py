"""A request to pay as it stands at one moment: whose claim counts, and whether it has ended.

Pure. States are those of protocol §4; times are half-open (``at < expires_at``).
"""

from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

OPEN: Final = frozenset({"REQUESTED", "CLAIMED"})
FINAL: Final = frozenset({"APPROVED", "DECLINED", "CANCELLED", "EXPIRED", "REVERSED"})


class Shop(NamedTuple):
    """Where a payment is made: ids, references and what the phone is shown."""

    merchant_id: int
    merchant: str
    merchant_name: str
    time_zone: str
    store_id: int
    store: str
    store_name: str
    device_id: int
    device: str
    number: int | None  # the terminal's
    closed_through: date | None = None  # the newest business day closed by hand
    is_suspended: bool = False
    is_revoked: bool = False  # the terminal

    def business_date(self, today: date) -> date:
        """Return the business day of what is approved ``today``: after a close, the next one."""
        if self.closed_through is None:
            return today
        return max(today, self.closed_through + timedelta(days=1))


class Request(NamedTuple):
    """A payment with its request, as one locked read found them; amounts in minor units.

    An OFFLINE payment has no request: its ``tid`` is "", and nothing of it expires.
    """

    payment_id: int
    reference: str
    channel: str
    state: str
    amount_minor: int
    currency: str
    order: str
    approval_code: str
    decline_reason: str
    refunded_minor: int
    created_at: datetime
    approved_at: datetime | None
    business_date: date
    last4: str
    card_id: int | None
    bearer: str
    tid: str
    expires_at: datetime | None
    bill_digest: bytes | None
    bill_voided_at: datetime | None
    claimed_by: int | None
    claim_expires_at: datetime | None
    shop: Shop

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    def is_over(self, *, at: datetime) -> bool:
        """Return whether its time is up though it still stands open."""
        return self.state in OPEN and self.expires_at is not None and at >= self.expires_at

    def is_claimed_by(self, device_id: int, *, at: datetime) -> bool:
        """Return whether that phone holds the claim: live, or the one that led to the end."""
        if self.claimed_by != device_id:
            return False
        ended = self.is_final or self.is_over(at=at) or self.state == "APPROVING"
        return ended or self._claim_lives(at)

    def is_claimed_by_another(self, device_id: int, *, at: datetime) -> bool:
        """Return whether some other phone holds a claim that counts."""
        other = self.claimed_by is not None and self.claimed_by != device_id
        return other and (self.state == "APPROVING" or self._claim_lives(at))

    def claim_lapsed(self, *, at: datetime) -> bool:
        """Return whether a claim stands whose time is up."""
        return self.state == "CLAIMED" and not self._claim_lives(at)

    def _claim_lives(self, at: datetime) -> bool:
        ends = self.claim_expires_at
        return self.state == "CLAIMED" and ends is not None and at < ends
