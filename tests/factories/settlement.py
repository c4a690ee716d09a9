"""Offline payments with real keys: cards on phones, taps at readers, signed batches."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from config.audit import SYSTEM
from config.models import Device
from config.wire import base32
from config.wire.keys import SigningKey
from issuers.models import Card, Credential
from issuers.services import credentials, issuers, programmes
from issuers.services.profiles import Caps
from merchants.models import Equipment
from merchants.wire import Batch, BatchEntry, batch_digest
from settlement.services import batches, openings
from tests.factories.merchants import enrolled
from tests.factories.wallets import enrolled_phone
from wallets.wire import OfflineRecord, RecordKind, Verification

ISSUED = datetime(2026, 11, 21, tzinfo=UTC)
GENEROUS = Caps(
    per_payment_cap_minor=50_000,
    lower_uses=500,
    upper_uses=1000,
    cumulative_cap_minor=10_000_000,
    contact_days=4,
    unverified_cap_minor=50_000,
)


def programme(*, currency="KRW", kind="DEBIT", caps=GENEROUS, at=ISSUED):
    """Return a programme of a new issuer."""
    issuer = issuers.add(name="Hankook Card", at=at, actor=SYSTEM)
    return programmes.add(
        issuer=issuer, name="Check", kind=kind, currency=currency, at=at, actor=SYSTEM, caps=caps
    )


@dataclass
class CardOnPhone:
    """A card on a phone, with the counters the phone keeps."""

    card: Card
    credential: Credential
    key: SigningKey
    phone: Device
    atc: int = 0
    uses: int = 0
    cumulative: int = 0
    device_key: SigningKey | None = None  # the phone's own

    def sale(self, till, amount=1000, *, at=None, atc=None, **changes):
        """Return the signed record of a sale, counters advanced."""
        self.atc = self.atc + 1 if atc is None else atc
        self.uses += 1
        self.cumulative += amount
        return self.sign(till, amount, at=at, **changes)

    def void(self, till, amount, voided_atc, *, at=None):
        """Return the signed void of the sale under ``voided_atc``."""
        self.atc += 1
        return self.sign(till, amount, at=at, kind=RecordKind.VOID, voided_atc=voided_atc)

    def sign(self, till, amount, *, at=None, key=None, **changes):
        said = {
            "card_token": bytes(self.card.token),
            "certificate_serial": bytes(self.credential.serial),
            "atc": self.atc,
            "kind": RecordKind.SALE,
            "amount": amount,
            "currency": self.credential.profile.programme.currency,
            "reader": till.device.reference,
            "reader_nonce": bytes(16),
            "at": int((at or till.now).timestamp()),
            "uses": self.uses,
            "cumulative": self.cumulative,
            "ota_version": 0,
            "verified": Verification.PIN_OR_BIOMETRIC,
        }
        return OfflineRecord(**said | changes).sign(key=key or self.key)


def card_on_phone(*, of=None, balance=1_000_000, at=ISSUED, customer=None, **opening):
    """Return a funded card with a certificate on a phone of its own, and of a customer's own unless
    one is given."""
    of = of or programme(at=at)
    phone, device_key = enrolled_phone(customer=customer, at=at)
    card = openings.issue_card(
        programme=of, holder=phone.owner, at=at, actor=SYSTEM, balance_minor=balance, **opening
    )
    key = SigningKey.generate()
    credential = credentials.issue(card=card, device=phone, public_key=key.public, at=at)
    return CardOnPhone(
        card=card, credential=credential, key=key, phone=phone, device_key=device_key
    )


def renew(held, *, at, key=None):
    """Give the phone a new certificate for its card, of a new key or ``key``; counters go on."""
    key = key or SigningKey.generate()
    credential = credentials.issue(card=held.card, device=held.phone, public_key=key.public, at=at)
    return CardOnPhone(
        card=held.card, credential=credential, key=key, phone=held.phone, atc=held.atc
    )


@dataclass
class Till:
    """A reader in a shop, and the chain of batches it has uploaded."""

    device: Device
    key: SigningKey
    now: datetime
    sequence: int = 0
    digest: bytes = field(default=bytes(32))

    @property
    def merchant(self):
        return Equipment.objects.get(device=self.device).merchant

    def batch(self, *records, key=None, versions=None, **changes):
        """Return the next batch over ``records``, signed; ``changes`` falsify what it says."""
        versions = versions or [0] * len(records)
        entries = [
            BatchEntry(record, f"O{base32.encode(place, digits=5)}", version)
            for place, (record, version) in enumerate(zip(records, versions, strict=True))
        ]
        said = {
            "device": self.device.reference,
            "sequence": self.sequence + 1,
            "previous_digest": self.digest,
            "created": int(self.now.timestamp()),
            "count": len(entries),
            "totals": totals_of(records),
            "certificates": [],
            "entries": entries,
            "blacklists": {},
        }
        return Batch(**said | changes).sign(key=key or self.key)

    def upload(self, *records, at=None, **changes):
        """Upload the next batch over ``records`` and return the portal's answer."""
        return self.send(self.batch(*records, **changes), at=at)

    def send(self, content, *, at=None):
        """Upload bytes; the chain goes on from them."""
        received = batches.receive(device=self.device, content=content, at=at or self.now)
        self.sequence, self.digest = received.sequence, batch_digest(content)
        return received

    def result(self, sequence=None):
        """Return what became of a batch, as (state, reason) per record."""
        result = batches.result_of(device=self.device, sequence=sequence or self.sequence)
        return [(each["state"], each.get("reason", "")) for each in result.results]


def till(*, now, **options):
    """Return an enrolled reader and its key."""
    device, key = enrolled(**options)
    return Till(device=device, key=key, now=now)


def totals_of(records):
    """Return the sum of sales less voids by currency, of the records that can be read."""
    totals = {}
    for data in records:
        try:
            record = OfflineRecord.peek(data)
        except ValueError:
            continue
        amount = record.amount if record.kind is RecordKind.SALE else -record.amount
        totals[record.currency] = totals.get(record.currency, 0) + amount
    return totals
