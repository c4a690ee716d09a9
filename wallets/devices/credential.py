"""One card on one phone: its key and certificate, its counters, its marks, and what it may sign.

Pure: no clock, no disk. The phone around it saves what changed before anything signed leaves it.
Amounts are in minor units of the certificate's currency, times epoch seconds.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from config.wire import b64
from config.wire.keys import SigningKey
from issuers.wire import CardCertificate
from wallets.wire import OfflineRecord, RecordKind, Verification

KEPT_RECORDS: Final = 200


class Refusal(StrEnum):
    """Why a phone does not pay, or does not trust what it was shown."""

    CARD_UNKNOWN = "card_unknown"
    CARD_BLOCKED = "card_blocked"
    CARD_FROZEN = "card_frozen"
    CONTACT_NEEDED = "contact_needed"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CONTACT_OVERDUE = "contact_overdue"
    USES_EXHAUSTED = "uses_exhausted"
    CUMULATIVE_EXCEEDED = "cumulative_exceeded"
    READER_UNTRUSTED = "reader_untrusted"
    CHALLENGE_INVALID = "challenge_invalid"
    CURRENCY_UNSUPPORTED = "currency_unsupported"
    AMOUNT_OVER_CAP = "amount_over_cap"
    VERIFICATION_REQUIRED = "verification_required"
    SALE_UNKNOWN = "sale_unknown"
    CUSTOMER_DECLINED = "customer_declined"


class CardRefused(Exception):
    """The phone refuses to pay with this card here and now; ``code`` says why."""

    def __init__(self, code: Refusal) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a genuine reader asks for: shown to the customer before the gesture that signs it."""

    merchant: str
    merchant_name: str
    reader: str
    amount_minor: int
    currency: str
    nonce: bytes
    at: int


@dataclass(slots=True, kw_only=True)
class Credential:
    """A card's key and certificate on this phone, with the counters of EMV book 3 (ATC above all).

    ``uses`` and ``amount_minor`` count since the issuer's latest reset. ``version`` is the newest
    over-the-air version applied. ``blocked`` is the issuer's mark, ``frozen`` the owner's own; each
    stands for this card only; ``freeze_told``: the portal knows of it, so its unblock ends it too.
    ``awaits_commands``: a new card may be blocked already, and pays once its commands were pulled.
    After a wipe ``key`` is gone; the version is remembered, and copies the portal never had.
    ``first_atc`` is the ATC the counts began after: a credential made anew goes on from the older.
    """

    key: SigningKey | None
    certificate: bytes
    contacted_at: int
    atc: int = 0
    first_atc: int = 0
    uses: int = 0
    amount_minor: int = 0
    version: int = 0
    blocked: bool = False
    frozen: bool = False
    freeze_told: bool = False
    awaits_commands: bool = False
    records: list[bytes] = field(default_factory=list)  # own signed records, latest last
    unsent: int = 0  # how many of the latest the portal has not had as evidence
    answered: tuple[bytes, bytes] | None = None  # latest question's digest, and its record
    terms: CardCertificate = field(init=False)

    def __post_init__(self) -> None:
        self.terms = CardCertificate.peek(self.certificate)

    def check_standing(self, *, at: int) -> None:
        """Check what no tap can change: the marks, the certificate's end, the contact-by time.

        :raises CardRefused: the first that fails
        """
        if self.key is None:
            raise CardRefused(Refusal.CARD_UNKNOWN)
        if self.blocked:
            raise CardRefused(Refusal.CARD_BLOCKED)
        if self.frozen:
            raise CardRefused(Refusal.CARD_FROZEN)
        if self.awaits_commands:
            raise CardRefused(Refusal.CONTACT_NEEDED)
        if at >= self.terms.expires:
            raise CardRefused(Refusal.CERTIFICATE_EXPIRED)
        if at >= self.terms.profile.contact_by:
            raise CardRefused(Refusal.CONTACT_OVERDUE)

    def check_room(self) -> None:
        """Check that one more use of one minor unit fits, whatever the amount will be.

        :raises CardRefused: the upper use count or the cumulative cap is reached
        """
        if self.uses >= self.terms.profile.upper_uses:
            raise CardRefused(Refusal.USES_EXHAUSTED)
        if self.amount_minor >= self.terms.profile.cumulative_cap:
            raise CardRefused(Refusal.CUMULATIVE_EXCEEDED)

    def check_offer(self, *, offer: Offer, verified: Verification, reader_online: bool) -> None:
        """Check the amount now known. Over a cap the card signs only for a reader that can ask.

        :raises CardRefused: the first that fails, in the order of protocol section 5
        """
        profile = self.terms.profile
        if offer.currency != profile.currency:
            raise CardRefused(Refusal.CURRENCY_UNSUPPORTED)
        if offer.amount_minor > profile.per_payment_cap and not reader_online:
            raise CardRefused(Refusal.AMOUNT_OVER_CAP)
        if offer.amount_minor > profile.unverified_cap and verified is Verification.NONE:
            raise CardRefused(Refusal.VERIFICATION_REQUIRED)
        room_minor = profile.cumulative_cap - self.amount_minor
        if offer.amount_minor > room_minor and not reader_online:
            raise CardRefused(Refusal.CUMULATIVE_EXCEEDED)

    def check_sale(self, *, offer: Offer, atc: int) -> None:
        """Check that ``atc`` is the own sale which a reader offers to void.

        :raises CardRefused: the phone holds no such sale at that reader, or has voided it before
        """
        own = [OfflineRecord.peek(record) for record in self.records]
        found = next((record for record in own if record.atc == atc), None)
        if found is None or any(record.voided_atc == atc for record in own):
            raise CardRefused(Refusal.SALE_UNKNOWN)
        asked = (RecordKind.SALE, offer.reader, offer.amount_minor, offer.currency)
        if (found.kind, found.reader, found.amount, found.currency) != asked:
            raise CardRefused(Refusal.SALE_UNKNOWN)

    def answer_to(self, *, challenge: bytes, voided_atc: int | None) -> bytes | None:
        """Return the record already signed for this very challenge: one gesture, one record."""
        if self.answered is None or self.answered[0] != _digest(challenge, voided_atc):
            return None
        return self.answered[1]

    def sign(
        self, *, challenge: bytes, offer: Offer, verified: Verification, voided_atc: int | None
    ) -> bytes:
        """Advance the ATC, for a sale also uses and amount, and return the signed record.

        :raises CardRefused: the card was wiped
        """
        if self.key is None:
            raise CardRefused(Refusal.CARD_UNKNOWN)
        self.atc += 1
        if voided_atc is None:
            self.uses += 1
            self.amount_minor += offer.amount_minor
        record = OfflineRecord(
            card_token=self.terms.card_token,
            certificate_serial=self.terms.serial,
            atc=self.atc,
            kind=RecordKind.SALE if voided_atc is None else RecordKind.VOID,
            amount=offer.amount_minor,
            currency=offer.currency,
            reader=offer.reader,
            reader_nonce=offer.nonce,
            at=offer.at,
            uses=self.uses,
            cumulative=self.amount_minor,
            ota_version=self.version,
            voided_atc=voided_atc,
            verified=verified,
        ).sign(key=self.key)
        self.records = [*self.records, record][-KEPT_RECORDS:]
        self.unsent = min(self.unsent + 1, KEPT_RECORDS)
        self.answered = (_digest(challenge, voided_atc), record)
        return record

    def take_over(self, *, older: "Credential") -> None:
        """Go on where the card's credential before this one stood, with counts of nothing.

        Neither a fresh key nor a fresh certificate lifts a mark; copies that the portal has not
        had stay to be sent.
        """
        self.atc, self.first_atc, self.version = older.atc, older.atc, older.version
        self.blocked, self.frozen = older.blocked, older.frozen
        self.freeze_told = older.freeze_told
        self.records, self.unsent = older.unsent_records(), older.unsent

    def wipe(self) -> None:
        """Forget the key for good; only what the portal never had is kept until it has it."""
        self.key, self.answered = None, None
        self.records = self.unsent_records()

    def unsent_records(self) -> list[bytes]:
        """Return the copies of which the portal has not had one, oldest first."""
        return self.records[-self.unsent :] if self.unsent else []

    def sent(self, *, count: int) -> None:
        """Note that the portal has the oldest ``count`` of the unsent copies."""
        self.unsent -= count
        if self.key is None:
            self.records = self.unsent_records()

    def to_state(self) -> dict[str, Any]:
        """Return the credential as JSON-able values; the key is in it, so keep it as a secret."""
        return {
            "key": None if self.key is None else self.key.to_pem().decode(),
            "certificate": b64.encode(self.certificate),
            "contacted_at": self.contacted_at,
            "atc": self.atc,
            "first_atc": self.first_atc,
            "uses": self.uses,
            "amount_minor": self.amount_minor,
            "version": self.version,
            "blocked": self.blocked,
            "frozen": self.frozen,
            "freeze_told": self.freeze_told,
            "awaits_commands": self.awaits_commands,
            "records": [b64.encode(record) for record in self.records],
            "unsent": self.unsent,
            "answered": self.answered and [b64.encode(part) for part in self.answered],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Return the credential that :meth:`to_state` wrote."""
        answered = state["answered"] and [b64.decode(part) for part in state["answered"]]
        return cls(
            key=state["key"] and SigningKey.from_pem(state["key"].encode()),
            certificate=b64.decode(state["certificate"]),
            contacted_at=state["contacted_at"],
            atc=state["atc"],
            first_atc=state["first_atc"],
            uses=state["uses"],
            amount_minor=state["amount_minor"],
            version=state["version"],
            blocked=state["blocked"],
            frozen=state["frozen"],
            freeze_told=state["freeze_told"],
            awaits_commands=state["awaits_commands"],
            records=[b64.decode(record) for record in state["records"]],
            unsent=state["unsent"],
            answered=(answered[0], answered[1]) if answered else None,
        )


def _digest(challenge: bytes, voided_atc: int | None) -> bytes:
    """Return what tells one gesture from another: the question, and the sale a void names."""
    return hashlib.sha256(challenge + f"|{voided_atc}".encode()).digest()
