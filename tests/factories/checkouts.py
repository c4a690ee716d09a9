"""Tills that take customers' numbers, by the services."""

from dataclasses import dataclass

from config.models import Device
from config.wire.keys import SigningKey
from settlement.services import checkouts
from settlement.services.checkouts import Asked
from settlement.services.checkouts.consents import Seen
from tests.factories import benefits
from tests.factories.requests import Payer


@dataclass
class Till:
    """A terminal that presents numbers."""

    device: Device
    key: SigningKey
    merchant: str

    def presents(self, code, amount=10_000, *, at, order="", items=()):
        asked = Asked(code, amount, "KRW", order, items)
        return checkouts.begin(device=self.device, asked=asked, at=at).checkout

    def confirms(self, checkout, tender="CASH", *, at):
        return checkouts.confirm(
            device=self.device, reference=checkout.reference, tender=tender, at=at
        )

    def abandons(self, checkout, *, at):
        return checkouts.abandon(device=self.device, reference=checkout.reference, at=at)

    def cancels(self, checkout, *, at):
        return checkouts.cancel(device=self.device, reference=checkout.reference, at=at)


def till(**options):
    made = benefits.counter(**options)
    return Till(device=made.device, key=made.key, merchant=made.merchant.reference)


def with_psn(payer: Payer, made, **options):
    """Return the code of a plan together with the payment number."""
    return f"S1.{made.tsn}.{benefits.psn_of(payer, made, **options)}"


def approves(payer: Payer, made, checkout, *, at, pin="1234", **changes):
    """Let the phone agree to a checkout that waits for it."""
    payer.counter += 1
    seen = {
        "merchant": checkout.merchant.reference,
        "remainder_minor": checkout.remainder_minor,
        "currency": checkout.currency,
        "counter": payer.counter,
        "pin_code": payer.code(made.tsn, bytes(payer.held.card.token), payer.counter, pin),
    }
    return checkouts.approve(
        device=payer.phone,
        reference=checkout.reference,
        seen=Seen(**seen | changes),
        at=at,
    )
