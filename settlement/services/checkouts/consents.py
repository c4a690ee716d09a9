"""The phone agrees to a purchase that its payment number does not cover by itself (protocol §6)."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from config import pipeline, sealing
from config.models import Device
from config.refusals import Refused
from merchants.models import Merchant
from merchants.services.equipment import MerchantSuspended
from settlement.models import Checkout
from settlement.services.checkouts import paying
from settlement.services.checkouts.finding import ended, locked_of_phone
from settlement.services.checkouts.opening import number_context
from settlement.services.checkouts.refusals import CheckoutFinal, ConsentNotAsked
from settlement.services.payments import Approval, planned
from settlement.services.payments.refusals import (
    PaymentApproving,
    PaymentChanged,
    TerminalRevoked,
)
from wallets.services import pins

State = Checkout.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the customer saw and agreed to, and the PIN code over the plan's number."""

    merchant: str
    remainder_minor: int
    currency: str
    counter: int
    pin_code: str


def approve(*, device: Device, reference: str, seen: Seen, at: datetime) -> Approval:
    """
    Pay the remainder of a checkout with the plan's card, or decline it.

    Checked in this order: final state, shop and terminal, what was seen, counter and PIN, issuer.

    :raises NotFound: no such checkout of this phone
    :raises CheckoutFinal, PaymentApproving, ConsentNotAsked: it waits for no consent
    :raises MerchantSuspended, TerminalRevoked: nobody is paid there now
    :raises PaymentChanged: what the customer saw is not what the portal has
    :raises DeviceLocked, PinCodeInvalid, CounterUsed, CounterAhead: as :func:`pins.verify`
    """
    told = _approve(device, reference, seen, at)
    if isinstance(told, Refused):
        raise told
    return told


@transaction.atomic
def _approve(device: Device, reference: str, seen: Seen, at: datetime) -> Approval | Refused:
    """Return what became of it; a refusal is returned, so that what it counted stays."""
    checkout = locked_of_phone(device=device, reference=reference, at=at)
    refusal = _refusal(checkout, seen) or _pin_refusal(checkout, seen, at)
    if refusal is not None:
        return refusal
    planned.held_of(document=checkout.reference)
    paying.by_card(checkout=checkout, at=at)
    payment = checkout.payment
    return Approval(
        document=checkout.reference,
        state="APPROVED" if checkout.state == State.PAID else checkout.state,
        approval_code="" if payment is None else payment.approval_code,
        decline_reason=checkout.decline_reason,
        remainder_minor=checkout.remainder_minor,
    )


def _refusal(checkout: Checkout, seen: Seen) -> Refused | None:
    if ended(checkout):
        return CheckoutFinal(state=checkout.state)
    if checkout.state == State.APPROVING:
        return PaymentApproving()
    if checkout.state == State.QUOTED:
        return ConsentNotAsked()
    if checkout.merchant.state != Merchant.State.ACTIVE:
        return MerchantSuspended()
    if checkout.device.state != Device.State.ACTIVE:
        return TerminalRevoked()
    saw = (seen.merchant, seen.remainder_minor, seen.currency)
    is_it = saw == (checkout.merchant.reference, checkout.remainder_minor, checkout.currency)
    return None if is_it else PaymentChanged()


def _pin_refusal(checkout: Checkout, seen: Seen, at: datetime) -> Refused | None:
    """Judge the PIN code under the phone's lock, and write what it counts."""
    plan = checkout.plan
    assert plan.card is not None, "a payment number has its card"
    assert checkout.tsn is not None, "a phone that is asked has its number"
    (held,) = pipeline.run(pins.locked(device=plan.device))
    number = sealing.unseal(checkout.tsn, context=number_context(checkout.reference))
    word = pins.judge(
        held=held,
        device=plan.device,
        subject=number.decode(),
        card_token=bytes(plan.card.token),
        counter=seen.counter,
        pin_code=seen.pin_code,
        at=at,
    )
    pipeline.run(*word.writes)
    return word.refusal
