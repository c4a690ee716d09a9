"""A till presents a number: the quote, and with a payment number the payment at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from benefits.models import Lock
from benefits.rules.vocabulary import Item
from benefits.services import locks, plans
from benefits.services.locks import Basket, Skip, Taken
from benefits.services.plans import Presented
from config import references, sealing
from config.models import Device
from config.refusals import Refused
from settlement.models import Checkout
from settlement.services.checkouts import hinting, paying


class Asked(NamedTuple):
    """What a till presents: ``code`` scanned or typed, and what is bought, in minor units."""

    code: str
    amount_minor: int
    currency: str
    order: str = ""
    items: Sequence[Item] = ()


class Begun(NamedTuple):
    """A checkout, and the lines that its benefits pay, as they were written just now.

    ``payers``: who bears most of each definition, by its key.
    """

    checkout: Checkout
    lines: Sequence[Lock]
    payers: Mapping[int, str]


def begin(*, device: Device, asked: Asked, at: datetime) -> Begun:
    """
    Take the plan of the number at terminal ``device``, and hold what it brings.

    Without a payment number QUOTED: the till confirms or abandons. With one the rest is asked of
    the plan's card at once (PAID, DECLINED, or APPROVING where its issuer is asked elsewhere); but
    above the plan's maximum, or at another merchant than its own, the phone is asked first.

    :raises NumberMalformed, LookupLocked, TsnUnknown: as :func:`plans.look_up`
    :raises TsnExpired, TsnCancelled, TsnUsed: the number is not good any more
    :raises PsnInvalid, PsnExpired, PsnUsed, CardRequired: as :func:`plans.judge_psn`
    :raises PurchaseMalformed: the items do not fit the amount
    """
    presented = plans.look_up(number=asked.code, device=device, at=at)
    told = _begin(device, presented, asked, at)
    if isinstance(told, Refused):
        raise told
    return told


@transaction.atomic
def _begin(device: Device, presented: Presented, asked: Asked, at: datetime) -> Begun | Refused:
    """Return what was begun; or why the payment number is none, of which what was counted stays."""
    with_psn = presented.psn is not None
    if with_psn:
        refusal = plans.judge_psn(presented=presented, device=device, at=at)
        if refusal is not None:
            return refusal
    place = presented.place
    taken = locks.take(
        plan=presented.plan,
        document=references.new("CHK"),
        basket=Basket(asked.amount_minor, asked.currency, asked.items),
        merchant=place.merchant,
        store=place.store,
        card=presented.plan.card if with_psn else None,
        at=at,
    )
    asks = with_psn and plans.needs_consent(
        plan=presented.plan, amount_minor=asked.amount_minor, merchant=place.merchant
    )
    checkout = _made(device, presented, taken, asked, at, asks=asks)
    if asks:
        hinting.on_commit(phone=presented.plan.device.reference)
    elif with_psn:
        paying.by_card(checkout=checkout, at=at)
    is_held = checkout.state != Checkout.State.DECLINED
    return Begun(checkout, taken.lines if is_held else (), taken.payers)


def _made(
    device: Device, presented: Presented, taken: Taken, asked: Asked, at: datetime, *, asks: bool
) -> Checkout:
    held = taken.redemption
    state = Checkout.State.CONSENT_REQUIRED if asks else Checkout.State.QUOTED
    number = presented.tsn.encode()
    return Checkout.objects.create(
        reference=held.document,
        state=state,
        plan=presented.plan,
        redemption=held,
        merchant=held.merchant,
        store=held.store,
        device=device,
        order=asked.order,
        amount_minor=held.purchase_minor,
        remainder_minor=held.remainder_minor,
        currency=held.currency,
        skipped=[_skipped(skip) for skip in taken.skipped],
        tsn=sealing.seal(number, context=number_context(held.document)) if asks else None,
        opened_at=at,
        expires_at=at + timedelta(seconds=settings.TTL_S["TSN"]),
    )


def number_context(reference: str) -> str:
    """Return what the number of a checkout is sealed for."""
    return f"checkout.tsn.{reference}"


def _skipped(skip: Skip) -> dict[str, Any]:
    return {
        "benefit": skip.benefit,
        "kind": skip.kind.value,
        "why": skip.code,
        "facts": dict(skip.facts),
    }
