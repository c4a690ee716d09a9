"""The facts a record is judged by, loaded beforehand in a fixed number of queries.

Times are epoch seconds, amounts minor units, ids the portal's own; references say so.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from issuers.wire import OfflineProfile
from wallets.wire import OfflineRecord


class Bearer(StrEnum):
    """Who bears the amount; the names the payment stores."""

    CARDHOLDER = "CARDHOLDER"
    ISSUER = "ISSUER"
    MERCHANT = "MERCHANT"


class Liability(NamedTuple):
    """Who bears a payment, and by which rule; the cardholder bears without a cause."""

    bearer: Bearer
    cause: str


CARDHOLDER: Final = Liability(Bearer.CARDHOLDER, "")
EXPOSURE_WINDOW: Final = Liability(Bearer.ISSUER, "exposure_window")
READER_HELD_ENTRY: Final = Liability(Bearer.MERCHANT, "reader_held_entry")
LIST_ROLLBACK: Final = Liability(Bearer.MERCHANT, "list_rollback")


class Reader(NamedTuple):
    """The reader a batch came from, and whose it is."""

    device_id: int
    reference: str
    enrolled_at: int
    merchant_id: int
    merchant: str
    time_zone: str
    store_id: int
    store: str


class Card(NamedTuple):
    """The card a record names; ids are the portal's, the others references."""

    card_id: int
    last4: str
    issuer_id: int
    issuer: str
    account_id: int
    account: str


class Credential(NamedTuple):
    """That card on one phone, with the profile its certificate states."""

    credential_id: int
    card_id: int
    phone_id: int
    list_number: int
    public_key: bytes
    profile: OfflineProfile
    expires: int


class Taken(NamedTuple):
    """One record as it arrived, with all about it that no later event can change."""

    batch_id: int
    place: int  # in the batch, from 0
    reader: Reader
    arrived_at: int
    approval_code: str
    claimed_version: int  # of the blacklist the reader says it held at the tap
    record: OfflineRecord | None  # None: it could not be read
    digest: bytes  # SHA-256 of the signed payload, without the envelope
    card: Card | None
    credential: Credential | None
    genuine: bool  # the credential's key signed it


class Seen(NamedTuple):
    """The payload that was first valid under an ATC, and the payment it made or voided."""

    digest: bytes
    payment_id: int | None


class Genuine(NamedTuple):
    """A record that passed every check of its own: whose card it is stands fast."""

    taken: Taken
    record: OfflineRecord
    card: Card
    credential: Credential

    @property
    def counter(self) -> "Counter":
        """Return what keeps its ATC: the card on this phone, across certificates."""
        return (self.credential.card_id, self.credential.phone_id)


@dataclass(slots=True, kw_only=True)
class Sale:
    """A posted offline sale, as far as its void must know it."""

    payment_id: int
    reference: str
    reader_id: int
    amount_minor: int
    currency: str
    business_date: date
    liability: Liability
    voided: bool = False


class Tap(NamedTuple):
    """The sale with a phone's highest ATC, and when its reader took it."""

    atc: int
    at: int


class Listing(NamedTuple):
    """A card's time on the blacklist; ``versions``: list number → (added in, removed in)."""

    listed_at: float
    lifted_at: float | None
    versions: dict[int, tuple[int | None, int | None]]


type Counter = tuple[int, int]  # card and phone


@dataclass(slots=True, kw_only=True)
class History:
    """What was posted, listed and fetched before; grows with each record that posts."""

    seen: dict[tuple[int, int], Seen] = field(default_factory=dict)  # credential, ATC
    newest: dict[Counter, int] = field(default_factory=dict)  # the highest ATC posted
    latest: dict[Counter, Tap] = field(default_factory=dict)  # the sale with the highest
    sales: dict[tuple[Counter, int], Sale] = field(default_factory=dict)  # by ATC
    listings: dict[int, list[Listing]] = field(default_factory=dict)  # by card
    fetched: dict[tuple[int, int, int], int] = field(default_factory=dict)  # reader, issuer, tap
