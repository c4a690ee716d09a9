"""The facts a record is judged by, loaded beforehand in a fixed number of queries.

Times are epoch seconds, amounts minor units, ids the portal's own; references say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from issuers.wire import OfflineProfile
from settlement.rules.fees import Terms
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
TAMPERING: Final = Liability(Bearer.ISSUER, "tampering_suspected")


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
    issued: int = 0
    first_id: int = 0  # of the first certificate of this key; 0: this one


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


type Counter = tuple[int, int]  # card and phone


class Genuine(NamedTuple):
    """
    A record that passed every check of its own: whose card it is stands fast.

    ``counter``: what keeps its ATC, the card on this phone, across certificates. ``used_atc``: what
    is used up once for all certificates of a key, its first one and the ATC.
    """

    taken: Taken
    record: OfflineRecord
    card: Card
    credential: Credential
    counter: Counter
    used_atc: tuple[int, int]


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
    fee_minor: int = 0  # of a sale that posts now
    voided: bool = False


# The taps of a posting fall into a few thousand seconds, and each is told three times.
@lru_cache(maxsize=8192)
def moment(at: int) -> datetime:
    """Return epoch seconds as rows and events tell them."""
    return datetime.fromtimestamp(at, UTC)


class Tap(NamedTuple):
    """The sale with a phone's highest ATC, and when its reader took it."""

    atc: int
    at: int


class Block(NamedTuple):
    """The command that told a phone of a listing, and when the phone had applied it."""

    version: int
    applied_at: float | None


class Listing(NamedTuple):
    """A card's time on the blacklist, on every phone or on one.

    ``versions``: list number → (added in, removed in); ``blocks``: by phone.
    """

    listed_at: float
    lifted_at: float | None
    versions: dict[int, tuple[int | None, int | None]]
    blocks: Mapping[int, Block] = MappingProxyType({})
    phone_id: int | None = None


class Counted(NamedTuple):
    """The time of a tap that counts, and what moved it where that is not as the record says.

    ``because``: ``certificate``, ``list``, ``batch`` or ``enrolment`` came only then, or it was
    ``arrival`` by then; "" where the record's own time stands.
    """

    at: int
    because: str


class Weighed(NamedTuple):
    """Who bears a sale, and all that it was decided by.

    ``listing``: the one in force at the time that counts; ``given``: the version the portal's log
    has for the reader then; ``tampered``: the card's phone had applied the block before.
    """

    liability: Liability
    counted: Counted
    listing: Listing | None = None
    given: int = 0
    tampered: bool = False

    @property
    def is_plain(self) -> bool:
        """Return whether it was decided without a listing, by the time the record states."""
        return self.listing is None and not self.counted.because


@dataclass(slots=True, kw_only=True)
class History:
    """What was posted, listed and fetched before; grows with each record that posts."""

    seen: dict[tuple[int, int], Seen] = field(default_factory=dict)  # by used ATC
    newest: dict[Counter, int] = field(default_factory=dict)  # the highest ATC posted
    latest: dict[Counter, Tap] = field(default_factory=dict)  # the sale with the highest
    sales: dict[tuple[Counter, int], Sale] = field(default_factory=dict)  # by ATC
    listings: dict[int, list[Listing]] = field(default_factory=dict)  # by card
    fetched: dict[tuple[int, int, int], int] = field(default_factory=dict)  # reader, issuer, time
    first_given: dict[tuple[int, int, int], int] = field(default_factory=dict)  # …, version → time
    emptied: dict[int, int] = field(default_factory=dict)  # by batch: when the one before was made
    agreed: dict[int, list[Terms]] = field(default_factory=dict)  # by merchant
