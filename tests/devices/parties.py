"""The parties of an offline payment, from fixed keys: platform, issuer, card, phone, reader."""

import json
import random
from dataclasses import dataclass, field, replace

from config.wire.keys import SigningKey
from config.wire.trust import PLATFORM, TrustedKey, TrustList
from issuers.wire import (
    BlacklistFile,
    CardCertificate,
    Command,
    OfflineProfile,
    rice,
)
from merchants.devices.facts import Knowledge
from merchants.devices.limits import ReaderLimits
from merchants.devices.reader import Reader
from merchants.wire import Challenge, ReaderCertificate
from wallets.devices.phone import Phone
from wallets.wire import OfflineRecord, RecordKind, Verification

NOON = 1_795_316_400
HOUR = 3600
DAY = 24 * HOUR
ISSUER = "ISS-1"
READER = "DEV-READER"
CAP, UNVERIFIED_CAP, CUMULATIVE_CAP = 50_000, 30_000, 200_000
LIMITS = ReaderLimits(
    floor_minor={"KRW": CAP, "USD": 5_000},
    unsent_minor={"KRW": 5_000_000, "USD": 500_000},
)


@dataclass(kw_only=True)
class Disk:
    """What a machine has saved: the latest state as JSON, and each list by its issuer."""

    states: list = field(default_factory=list)
    lists: dict = field(default_factory=dict)
    full: bool = False

    def save(self, state):
        if self.full:
            raise OSError("no space left on device")
        self.states.append(json.dumps(state))

    def save_list(self, issuer, state):
        self.lists[issuer] = json.dumps(state)

    @property
    def state(self):
        return json.loads(self.states[-1])


@dataclass(kw_only=True)
class Card:
    """A card key with its certificate, which signs whatever a test tells it to."""

    key: SigningKey
    terms: CardCertificate
    certificate: bytes
    atc: int = 0
    uses: int = 0
    cumulative: int = 0

    def record(self, challenge, *, key=None, **changes):
        """Return a signed sale answering ``challenge`` (bytes), its counters moved on."""
        asked = Challenge.peek(challenge)
        self.atc += 1
        self.uses += 1
        self.cumulative += asked.amount
        record = OfflineRecord(
            card_token=self.terms.card_token,
            certificate_serial=self.terms.serial,
            atc=self.atc,
            kind=RecordKind.SALE,
            amount=asked.amount,
            currency=asked.currency,
            reader=asked.device,
            reader_nonce=asked.nonce,
            at=asked.at,
            uses=self.uses,
            cumulative=self.cumulative,
            ota_version=0,
            verified=Verification.PIN_OR_BIOMETRIC,
        )
        return replace(record, **changes).sign(key=key or self.key)


class World:
    """Fixed keys and a seeded source of random bytes."""

    def __init__(self):
        self.random = random.Random(20261122)
        self.platform = SigningKey.from_secret(101)
        self.issuer = SigningKey.from_secret(102)
        self.trusted = TrustList(
            keys=[
                TrustedKey(holder=PLATFORM, public_key=self.platform.public),
                TrustedKey(holder=ISSUER, public_key=self.issuer.public),
            ],
            issued_at=NOON,
        )
        self._list_numbers = iter(range(10_000))
        self._secrets = iter(range(1_000, 10_000))

    def new_key(self):
        return SigningKey.from_secret(next(self._secrets))

    def certificate(self, *, public_key, token=None, signer=None, profile=None, **changes):
        """Return a card certificate, signed by the issuer unless ``signer`` says otherwise."""
        terms = CardCertificate(
            issuer=ISSUER,
            card_token=token or self.random.randbytes(16),
            public_key=public_key,
            profile=replace(
                OfflineProfile(
                    currency="KRW",
                    per_payment_cap=CAP,
                    lower_uses=5,
                    upper_uses=10,
                    cumulative_cap=CUMULATIVE_CAP,
                    contact_by=NOON + 4 * DAY,
                    version=1,
                    unverified_cap=UNVERIFIED_CAP,
                ),
                **(profile or {}),
            ),
            issued=NOON,
            expires=NOON + 7 * DAY,
            serial=self.random.randbytes(8),
            list_number=next(self._list_numbers),
        )
        return replace(terms, **changes).sign(key=signer or self.issuer)

    def card(self, *, profile=None, **changes):
        key = self.new_key()
        certificate = self.certificate(public_key=key.public, profile=profile, **changes)
        return Card(key=key, terms=CardCertificate.peek(certificate), certificate=certificate)

    def reader_certificate(self, *, key, signer=None, **changes):
        certificate = ReaderCertificate(
            device=READER,
            merchant="MER-1",
            merchant_name="Kim's Bakery",
            public_key=key.public,
            issued=NOON,
            expires=NOON + 365 * DAY,
        )
        return replace(certificate, **changes).sign(key=signer or self.platform)

    def reader(self, *, disk=None, fresh=True, **limits):
        """Return a reader that knows, unless not ``fresh``, that nobody is listed."""
        disk = disk or Disk()
        key = self.new_key()
        reader = Reader(
            key=key,
            certificate=self.reader_certificate(key=key),
            known=Knowledge(trusted=self.trusted, limits=replace(LIMITS, **limits)),
            random_bytes=self.random.randbytes,
            save=disk.save,
            save_list=disk.save_list,
        )
        if fresh:
            reader.confirm_blacklist(issuer=ISSUER, at=NOON)
        return reader

    def reader_again(self, disk):
        """Return the reader that a restart brings back from ``disk``."""
        return Reader.from_state(
            disk.state,
            lists=[json.loads(state) for state in disk.lists.values()],
            random_bytes=self.random.randbytes,
            save=disk.save,
            save_list=disk.save_list,
        )

    def phone(self, *, disk=None):
        return Phone(
            device_key=self.new_key(),
            trusted=self.trusted,
            save=(disk or Disk()).save,
            new_key=self.new_key,
        )

    def phone_again(self, disk):
        """Return the phone that a restart brings back from ``disk``."""
        return Phone.from_state(disk.state, save=disk.save, new_key=self.new_key)

    def put_card(self, phone, *, token=None, profile=None, **changes):
        """Put a card on ``phone`` and return its token."""
        token = token or self.random.randbytes(16)
        certificate = self.certificate(
            public_key=phone.prepare_card(card=token), token=token, profile=profile, **changes
        )
        phone.accept_card(certificate=certificate, at=NOON)
        return token

    def command(self, card, action, *, version, body=None, signer=None):
        return Command(
            command_id=self.random.randbytes(16),
            card_token=card,
            version=version,
            action=action,
            issued=NOON,
            body=body or {},
        ).sign(key=signer or self.issuer)

    def blacklist(self, *, version, additions, base=0, removals=(), after=None, signer=None):
        """Return a signed file; ``after`` are all numbers once it is applied."""
        numbers = sorted(additions) if after is None else sorted(after)
        return BlacklistFile(
            issuer=ISSUER,
            version=version,
            base=base,
            issued=NOON,
            wait_s=10,
            removals=rice.encode(sorted(removals)),
            additions=rice.encode(sorted(additions)),
            entries=len(numbers),
            digest=rice.digest(numbers),
        ).sign(key=signer or self.issuer)


def judge(reader, card, *, amount=10_000, currency="KRW", at=NOON, online=False, **changes):
    """Tap ``card`` on ``reader`` and return the verdict."""
    challenge = reader.new_challenge(amount_minor=amount, currency=currency, at=at)
    record = card.record(challenge, **changes)
    return reader.judge(record=record, certificate=card.certificate, at=at, online=online)


def answer(reader, phone, card, *, amount=10_000, currency="KRW", at=NOON, **changes):
    """Let ``phone`` answer a challenge of ``reader`` and return the signed record."""
    challenge = reader.new_challenge(amount_minor=amount, currency=currency, at=at)
    arguments = {"verified": Verification.PIN_OR_BIOMETRIC} | changes
    return phone.answer_challenge(
        card=card, certificate=reader.certificate, challenge=challenge, at=at, **arguments
    )
