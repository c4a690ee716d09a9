"""Many cards on many phones, made in bulk: only what posting reads."""

import os
from datetime import UTC, datetime, timedelta

from config import keys, references
from config.models import Device
from config.wire.keys import SigningKey
from issuers.models import Account, Card, Credential
from issuers.services import profiles
from issuers.wire import CardCertificate, OfflineProfile
from tests.factories import settlement

START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
_LIMIT = 10**12  # nobody comes to owe anything: what is measured is the usual case
_ISSUED = START - timedelta(days=1)
_ENDS = START + timedelta(days=7)


def tills(count):
    """Return ``count`` readers, each of a merchant of its own."""
    return [settlement.till(now=START) for _ in range(count)]


def cards(count):
    """Return ``count`` cards of one issuer, each on a phone of its own."""
    programme = settlement.programme(caps=settlement.GENEROUS)
    issuer, profile = programme.issuer, profiles.in_force(programme=programme, at=START)
    signer = keys.signer(holder=issuer.reference, at=START)
    held = [SigningKey.generate() for _ in range(count)]
    accounts = Account.objects.bulk_create(
        Account(
            reference=references.new("ACC"),
            programme=programme,
            holder="CUS-0000000000",
            currency="KRW",
            limit_minor=_LIMIT,
            offline_reserve_minor=profile.cumulative_cap_minor,
            opened_at=START,
        )
        for _ in held
    )
    rows = Card.objects.bulk_create(
        Card(
            token=os.urandom(16),
            issuer=issuer,
            programme=programme,
            account=account,
            last4="0042",
            issued_at=START,
        )
        for account in accounts
    )
    phones = Device.objects.bulk_create(
        Device(
            reference=references.new("PHN"),
            kind="PHONE",
            name="Phone",
            owner="CUS-0000000000",
            public_key=os.urandom(65),
            enrolled_at=START,
        )
        for _ in held
    )
    credentials = Credential.objects.bulk_create(
        _credential(number, *each, profile=profile, signer=signer)
        for number, each in enumerate(zip(rows, phones, held, strict=True))
    )
    return [
        settlement.CardOnPhone(card=card, credential=credential, key=key, phone=phone)
        for card, credential, key, phone in zip(rows, credentials, held, phones, strict=True)
    ]


def _credential(number, card, phone, key, *, profile, signer):
    serial = os.urandom(8)
    certificate = CardCertificate(
        issuer=card.issuer.reference,
        card_token=bytes(card.token),
        public_key=key.public,
        profile=OfflineProfile(
            currency="KRW",
            per_payment_cap=profile.per_payment_cap_minor,
            lower_uses=profile.lower_uses,
            upper_uses=profile.upper_uses,
            cumulative_cap=profile.cumulative_cap_minor,
            contact_by=int(_ENDS.timestamp()),
            version=profile.version,
            unverified_cap=profile.unverified_cap_minor,
        ),
        issued=int(_ISSUED.timestamp()),
        expires=int(_ENDS.timestamp()),
        serial=serial,
        list_number=number,
    )
    return Credential(
        issuer=card.issuer,
        card=card,
        device=phone,
        profile=profile,
        list_number=number,
        serial=serial,
        public_key=key.public,
        certificate=certificate.sign(key=signer),
        cumulative_cap_minor=profile.cumulative_cap_minor,
        reserve_minor=profile.cumulative_cap_minor,
        contact_by=_ENDS,
        issued_at=_ISSUED,
        expires_at=_ENDS,
    )
