"""Terminals that ask to be paid, and phones that pay: T-IDs, PIN codes and bills with real keys."""

import hashlib
import os
from dataclasses import dataclass, replace

from config import sealing
from config.models import Device
from config.wire import b64
from config.wire.keys import SigningKey
from merchants.models import Equipment
from merchants.services import equipment
from merchants.wire import Bill
from merchants.wire import tid as tids
from settlement.services import payments
from settlement.services.payments.consents import Consent
from settlement.services.payments.requests import Asked
from tests.factories import settlement
from tests.factories.merchants import enrolled
from wallets.wire.pin_code import pin_code


@dataclass
class Terminal:
    """A terminal with its counter."""

    device: Device
    key: SigningKey
    counter: int = 0

    @property
    def place(self):
        return Equipment.objects.select_related("merchant", "store").get(device=self.device)

    @property
    def merchant(self):
        return self.place.merchant.reference

    def asked(self, amount=10_000, *, currency="KRW", order="", bill_digest=None):
        """Return what the terminal asks for, under a T-ID of its own."""
        self.counter += 1
        place = self.place
        number = tids.tid(
            number=place.number,
            counter=self.counter,
            random=int.from_bytes(os.urandom(3)),
            amount=amount,
            currency=currency,
            order=order,
            secret=equipment.secret_of(equipment=place),
        )
        return Asked(number, amount, currency, order, bill_digest)

    def asks(self, amount=10_000, *, at, **more):
        """Ask the portal; return the request."""
        made, _new = payments.request(device=self.device, asked=self.asked(amount, **more), at=at)
        return made

    def bill(self, asked, *, relay, expires, **changes):
        """Return the signed bill of what was asked, as it is left at ``relay``."""
        said = {
            "merchant": self.merchant,
            "terminal": self.place.number,
            "tid": asked.tid,
            "amount": asked.amount_minor,
            "currency": asked.currency,
            "order": asked.order,
            "nonce": os.urandom(16),
            "expires": int(expires.timestamp()),
            "relay": relay.reference,
        }
        return Bill(**said | changes).sign(key=self.key)

    def asks_by_relay(self, amount=10_000, *, relay, expires, at, order="", **changes):
        """Leave a bill and ask the portal; return the request and the bill."""
        asked = self.asked(amount, order=order)
        bill = self.bill(asked, relay=relay, expires=expires, **changes)
        asked = asked._replace(bill_digest=hashlib.sha256(bill).digest())
        made, _new = payments.request(device=self.device, asked=asked, at=at)
        return made, bill


@dataclass
class Payer:
    """A customer's phone with one card on it, and its PIN counter."""

    held: settlement.CardOnPhone
    counter: int = 0
    key: SigningKey | None = None

    @property
    def phone(self):
        return self.held.phone

    @property
    def account(self):
        card = self.held.card
        card.account.refresh_from_db()
        return card.account

    def consent(self, request, *, pin="1234", counter=None, **changes):
        """Return the customer's consent to ``request``, with the PIN code over its T-ID."""
        self.counter = self.counter + 1 if counter is None else counter
        token = bytes(self.held.card.token)
        said = {
            "card": token,
            "merchant": request.shop.merchant,
            "amount_minor": request.amount_minor,
            "currency": request.currency,
            "counter": self.counter,
            "pin_code": self.code(request.tid, token, self.counter, pin),
        }
        return Consent(**said | changes)

    def code(self, subject, token, counter, pin="1234"):
        """Return the PIN code the phone makes; another PIN makes another key."""
        sealed = bytes(self.phone.phone.psn_key)
        key = sealing.unseal(sealed, context=f"phone.psn_key.{self.phone.reference}")
        key = key if pin == "1234" else bytes(32)
        return pin_code(psn_key=key, subject=subject, card_token=token, counter=counter)

    def claims(self, request, *, at):
        return payments.claim(device=self.phone, tid=request.tid, at=at)

    def approves(self, request, *, at, consent=None, **changes):
        """Approve what was claimed; return the portal's word."""
        consent = consent or self.consent(request, **changes)
        return payments.approve(device=self.phone, tid=request.tid, consent=consent, at=at)

    def pays(self, request, *, at, **changes):
        """Claim and approve."""
        return self.approves(self.claims(request, at=at), at=at, **changes)

    def body(self, consent):
        """Return the consent as the phone sends it."""
        told = {
            "card": b64.encode(consent.card),
            "merchant": consent.merchant,
            "amount": consent.amount_minor,
            "currency": consent.currency,
            "counter": consent.counter,
            "pin_code": consent.pin_code,
        }
        return told if consent.bill is None else told | {"bill": b64.encode(consent.bill)}


def terminal(**options):
    """Return an enrolled terminal."""
    device, key = enrolled(kind="TERMINAL", **options)
    return Terminal(device=device, key=key)


def payer(*, balance=1_000_000, at=settlement.ISSUED, **options):
    """Return a phone whose owner has ``balance`` free beside the offline reserve."""
    caps = replace(settlement.GENEROUS, cumulative_cap_minor=100_000)
    of = options.pop("of", None) or settlement.programme(caps=caps, at=at)
    held = settlement.card_on_phone(of=of, balance=balance + 100_000, at=at, **options)
    return Payer(held, key=held.device_key)


def programme_without_velocity(*, at=settlement.ISSUED):
    """Return a programme whose cards pay as often as a benchmark likes."""
    caps = replace(settlement.GENEROUS, cumulative_cap_minor=100_000)
    of = settlement.programme(caps=caps, at=at)
    of.velocity_count = 32_000
    of.save(update_fields=["velocity_count"])
    return of
