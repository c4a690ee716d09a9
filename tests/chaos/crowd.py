"""Readers and cards with real identities, enrolled over HTTP as any outside client is."""

import os
import time
from dataclasses import dataclass, field

import httpx
from django.conf import settings
from django.utils import timezone

from config import enrolment
from config.audit import SYSTEM
from config.wire import b64, client, numbers
from config.wire.client import PortalSession
from config.wire.keys import SigningKey, kid_of
from config.wire.trust import TrustList
from issuers.services import issuers, programmes
from issuers.services.profiles import Caps
from merchants.devices.store import RecordStore, Stored
from merchants.services import merchants
from settlement.services import openings
from wallets.devices.phone import Phone
from wallets.devices.portal import PhonePortal
from wallets.services import customers
from wallets.wire import OfflineRecord, RecordKind, Verification

CURRENCY = "KRW"
BALANCE_MINOR = 1_000_000_000
USES_MAX = 32_000
# Enough for a long run on one certificate: what a phone may spend is not what is tried here.
CAPS = Caps(
    per_payment_cap_minor=50_000,
    unverified_cap_minor=50_000,
    cumulative_cap_minor=BALANCE_MINOR,
    lower_uses=USES_MAX,
    upper_uses=USES_MAX,
)
REQUEST_S = 30.0  # longer than any answer may take, so that a slow one is seen as what it is


@dataclass(kw_only=True)
class Purse:
    """A card on a phone, as far as signing with it goes."""

    key: SigningKey
    certificate: bytes
    token: bytes
    serial: bytes
    atc: int = 0
    cumulative: int = 0

    def sale(self, *, reader, amount_minor, at):
        """Return the signed record of one sale, counters advanced."""
        self.atc += 1
        self.cumulative += amount_minor
        return OfflineRecord(
            card_token=self.token,
            certificate_serial=self.serial,
            atc=self.atc,
            kind=RecordKind.SALE,
            amount=amount_minor,
            currency=CURRENCY,
            reader=reader,
            reader_nonce=os.urandom(16),
            at=at,
            uses=self.atc,
            cumulative=self.cumulative,
            ota_version=0,
            verified=Verification.PIN_OR_BIOMETRIC,
        ).sign(key=self.key)


@dataclass(kw_only=True)
class Till:
    """A reader that takes one card only, and what it has stored."""

    device: str
    key: SigningKey
    session: PortalSession
    purse: Purse
    store: RecordStore = field(default_factory=RecordStore)

    def sell(self, *, amount_minor):
        """Store one approved record."""
        at, purse = int(time.time()), self.purse
        record = purse.sale(reader=self.device, amount_minor=amount_minor, at=at)
        held = Stored(
            record=record,
            approval_code=numbers.offline_approval_code(os.urandom(16)),
            blacklist_version=0,
            card_token=purse.token,
            serial=purse.serial,
            atc=purse.atc,
            amount_minor=amount_minor,
            currency=CURRENCY,
            at=at,
        )
        self.store.add(held, certificate=purse.certificate)

    def may_sell(self, *, records):
        """Return whether the card has so many uses left."""
        return self.purse.atc + records <= USES_MAX

    def batch(self):
        """Return the batch to send, its bytes the same until its result."""
        return self.store.next_batch(
            device=self.device, key=self.key, created=int(time.time()), versions={}
        )


def hire(*, readers):
    """Return so many readers, two to a shop, each with a card of its own and money on it."""
    at = timezone.now()
    issuer = issuers.add(name="Chaos Card", at=at, actor=SYSTEM)
    programme = programmes.add(
        issuer=issuer, name="Check", kind="CHECK", currency=CURRENCY, at=at, actor=SYSTEM, caps=CAPS
    )
    shops = [
        merchants.add(name=f"Shop {number}", actor=SYSTEM, at=at)[0].reference
        for number in range((readers + 1) // 2)
    ]
    return [_till(shops[number // 2], _purse(programme)) for number in range(readers)]


def _purse(programme):
    at = timezone.now()
    owner = customers.add(name="Kim Mina", actor=SYSTEM, at=at).reference
    card = openings.issue_card(
        programme=programme, holder=owner, balance_minor=BALANCE_MINOR, actor=SYSTEM, at=at
    )
    key = SigningKey.generate()
    told = _enrol("PHONE", owner, key, app_serial=b64.encode(os.urandom(9)), psn_key=os.urandom(32))
    phone = Phone(device_key=key, trusted=_trusted(told), save=lambda _state: None)
    token = b64.decode(card.reference)
    portal = PhonePortal(session=_session(key, told["device"]), phone=phone)
    assert portal.fetch_certificate(card=token, at=int(time.time())), "AUTO asks nobody"
    held = phone.credential(token)
    assert held.key is not None, "it was put on the phone just now"
    return Purse(key=held.key, certificate=held.certificate, token=token, serial=held.terms.serial)


def _till(shop, purse):
    key = SigningKey.generate()
    told = _enrol("READER", shop, key)
    session = _session(key, told["device"])
    return Till(device=told["device"], key=key, session=session, purse=purse)


def _enrol(kind, owner, key, **more):
    code = enrolment.make_code(
        kind=kind, owner=owner, store="", actor=SYSTEM, at=timezone.now()
    ).code
    return client.enrol(
        session=_session(key, b64.encode(kid_of(key.public))),
        code=code,
        kind=kind,
        name=f"{kind.capitalize()} of a fault run",
        public_key=key.public,
        **more,
    )


def _session(key, keyid):
    """One attempt a call: the client itself asks again, and notes each time that it did."""
    return PortalSession(
        http=httpx.Client(timeout=REQUEST_S, trust_env=False),
        origin=settings.ORIGIN,
        key=key,
        keyid=keyid,
        clock=time.time,
        random_bytes=os.urandom,
        sleep=time.sleep,
        attempts=1,
    )


def _trusted(told):
    return TrustList.of_enrolment(platform_key=told["platform_key"], issuers=told["issuers"])
