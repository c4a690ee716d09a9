"""What a reader finds out about one tap before the rules judge it: signatures, counts, lists."""

from dataclasses import dataclass, field
from typing import Any, Final, Self

from config.wire import trust
from config.wire.errors import WireError
from issuers.wire import CardCertificate
from merchants.devices.limits import ReaderLimits
from merchants.devices.lists import Blacklists
from merchants.devices.rules import Tap
from merchants.devices.sightings import Seen, Sightings
from merchants.devices.store import RecordStore, Stored
from merchants.wire import Challenge
from wallets.wire import OfflineRecord

# A tap takes as long as frames.BUDGET_S at most; a relay that takes longer is answered too late.
CHALLENGE_LIFE_S: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The challenge a reader has open, and the stored sale it is to void, if it is for that."""

    challenge: Challenge
    voiding: Stored | None


@dataclass(slots=True, kw_only=True)
class Knowledge:
    """What the reader goes by: whom it trusts, its limits, lists, sightings and store."""

    trusted: trust.TrustList
    limits: ReaderLimits
    lists: Blacklists = field(default_factory=Blacklists)
    sightings: Sightings = field(default_factory=Sightings)
    store: RecordStore = field(default_factory=RecordStore)

    def to_state(self) -> dict[str, Any]:
        """Return it as JSON-able values, of the lists only when each was last current."""
        return {
            "trusted": self.trusted.to_state(),
            "limits": self.limits.to_state(),
            "store": self.store.to_state(),
            "sightings": self.sightings.to_state(),
            "confirmed": self.lists.confirmations(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], *, lists: list[dict[str, Any]]) -> Self:
        """Return what :meth:`to_state` wrote, with the lists as they were saved apart."""
        return cls(
            trusted=trust.TrustList.from_state(state["trusted"]),
            limits=ReaderLimits.from_state(state["limits"]),
            lists=Blacklists.from_state(lists, confirmed=state["confirmed"]),
            sightings=Sightings.from_state(state["sightings"]),
            store=RecordStore.from_state(state["store"]),
        )


def gather(
    *, record: bytes, certificate: bytes, asked: Asked | None, known: Knowledge, at: int
) -> Tap:
    """Return the facts about a tap at the time ``at`` (epoch seconds); unreadable parts are None.

    Without an open challenge the record's own amount is looked at, so that the checks before the
    nonce can still name an earlier reason.
    """
    card = _card(certificate, known, at=at)
    read = _read(record)
    challenge = asked.challenge if asked and at < asked.challenge.at + CHALLENGE_LIFE_S else None
    voiding = asked.voiding if asked else None
    bill = challenge or read
    amount_minor, currency = (bill.amount, bill.currency) if bill else (0, "")
    return Tap(
        at=at,
        certificate=card,
        record=read,
        genuine=card is not None and _is_genuine(record, card),
        challenge=challenge,
        amount_minor=amount_minor,
        currency=currency,
        floor_minor=_floor_minor(currency, card, known, at=at),
        listed=card is not None
        and known.lists.has(issuer=card.issuer, list_number=card.list_number),
        seen=_seen(card, known, at=at),
        full=known.store.is_full(
            amount_minor=0 if voiding else amount_minor,
            currency=currency,
            at=at,
            limits=known.limits,
        ),
        voiding=(voiding.card_token, voiding.atc) if voiding else None,
    )


def _card(certificate: bytes, known: Knowledge, *, at: int) -> CardCertificate | None:
    try:
        issuer = CardCertificate.peek(certificate).issuer
        key = known.trusted.key_for(holder=issuer, signed=certificate, at=at)
        return CardCertificate.open(certificate, public_key=key)
    except WireError:
        return None


def _read(record: bytes) -> OfflineRecord | None:
    try:
        return OfflineRecord.peek(record)
    except WireError:
        return None


def _is_genuine(record: bytes, card: CardCertificate) -> bool:
    try:
        OfflineRecord.open(record, public_key=card.public_key)
    except WireError:
        return False
    return True


def _floor_minor(
    currency: str, card: CardCertificate | None, known: Knowledge, *, at: int
) -> int | None:
    """Return the floor limit, 0 without a fresh list of the card's issuer, None: not taken."""
    floor_minor = known.limits.floor_minor.get(currency)
    if floor_minor is None or card is None:
        return floor_minor
    max_age_s = known.limits.blacklist_max_age_s
    fresh = known.lists.is_fresh(issuer=card.issuer, at=at, max_age_s=max_age_s)
    return floor_minor if fresh else 0


def _seen(card: CardCertificate | None, known: Knowledge, *, at: int) -> Seen:
    if card is None:
        return Seen()
    return known.sightings.of(card, at=at, split_window_s=known.limits.split_sale_window_s)
