"""Customers' codes at the portal's own tills: each act is that of the terminal it plays (§6).

The code is read once and kept nowhere: a checkout is known by its own reference from then on.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from config import audit, devices, idempotency, repetitions
from config.audit import Actor
from config.idempotency import Answer
from config.models import Device
from config.pipeline import Statement
from config.refusals import NotFound, Refused
from config.repetitions import Call
from merchants.models import Merchant
from merchants.services import tills
from merchants.services.tills import Wish
from settlement.models import Checkout
from settlement.services import checkouts
from settlement.services.checkouts import Asked
from settlement.services.tills import SalePaid

_MADE: Final = 201


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came of a code: the checkout's reference, or the stable code of why there is none.

    ``wait_s``: after how many seconds it is worth another try, 0 where time mends nothing.
    """

    checkout: str = ""
    refusal: str = ""
    wait_s: int = 0


@transaction.atomic
def take(
    *, merchant: Merchant, store: str, wish: Wish, code: str, actor: Actor, at: datetime
) -> Taken:
    """
    Present ``code`` at the till of ``store`` (its reference) for what ``wish`` says.

    A wish that came before hears what came of it then: no code is presented twice, nor does a wrong
    one count twice.

    :raises NotFound: the merchant has no such store in use
    :raises TillOutOfService, MerchantSuspended: as :func:`tills.terminal`
    :raises IdempotencyMismatch: the wish's key was used for another code, amount or order
    """
    device = tills.terminal(merchant=merchant, store=store, actor=actor, at=at)
    devices.seen(device=device, at=at)
    asked = Asked(code, wish.amount_minor, wish.currency, wish.order)
    answer = idempotency.once(
        caller=f"till:{device.reference}",
        key=wish.key,
        fingerprint=_fingerprint(asked),
        at=at,
        act=lambda: _presented(device, asked, actor, at),
        repeated=lambda answer: _noting(device, answer, at),
    )
    return Taken(**json.loads(answer.body))


def seen(*, merchant: Merchant, reference: str, at: datetime) -> Checkout:
    """Return a checkout of one of the merchant's tills as it stands.

    :raises NotFound: none of its tills has it
    """
    device = _till_of(merchant, reference)
    devices.seen(device=device, at=at)
    return checkouts.seen_by_terminal(device=device, reference=reference, at=at)


def confirm(
    *, merchant: Merchant, reference: str, tender: str, actor: Actor, at: datetime
) -> Checkout:
    """
    End a quoted checkout as paid by ``tender``, CASH or CARD; again, the same.

    :raises NotFound: none of the merchant's tills has it
    :raises TillOutOfService, MerchantSuspended: it takes nothing now
    :raises CheckoutFinal, ConsentRequired, PaymentApproving: as :func:`checkouts.confirm`
    """
    device = _till_of(merchant, reference)
    tills.refuse_unfit(device=device)
    done = checkouts.confirm(device=device, reference=reference, tender=tender, at=at)
    _noted("till.confirm", done, actor, at)
    return done


def abandon(*, merchant: Merchant, reference: str, actor: Actor, at: datetime) -> Checkout:
    """
    Release all that a checkout holds; again, the same.

    :raises NotFound: none of the merchant's tills has it
    :raises CheckoutFinal, PaymentApproving: as :func:`checkouts.abandon`
    """
    device = _till_of(merchant, reference)
    done = checkouts.abandon(device=device, reference=reference, at=at)
    _noted("till.abandon", done, actor, at)
    return done


def cancel(*, merchant: Merchant, reference: str, actor: Actor, at: datetime) -> Checkout:
    """
    Take a checkout back, money and benefits, as long as its time runs; later a manager does.

    :raises NotFound: none of the merchant's tills has it
    :raises SalePaid: it was paid, and its time is over
    :raises AlreadyCleared, AlreadyRefunded: as :func:`checkouts.cancel`
    """
    device = _till_of(merchant, reference)
    found = checkouts.seen_by_terminal(device=device, reference=reference, at=at)
    if found.state == Checkout.State.PAID and at >= found.expires_at:
        raise SalePaid
    done = checkouts.cancel(device=device, reference=reference, at=at)
    _noted("till.take_back", done, actor, at)
    return done


def _presented(device: Device, asked: Asked, actor: Actor, at: datetime) -> Answer:
    """Present the code; a refusal is an answer too, so that what it counted stays."""
    try:
        made = checkouts.begin(device=device, asked=asked, at=at).checkout
    except Refused as refusal:
        wait_s = int(str(refusal.extra.get("retry_after_s", 0)))
        body = json.dumps({"refusal": refusal.code, "wait_s": wait_s}).encode()
        return Answer(status=refusal.status, body=body, code=refusal.code)
    _noted("till.take_code", made, actor, at)
    return Answer(status=_MADE, body=json.dumps({"checkout": made.reference}).encode())


def _noting(device: Device, answer: Answer, at: datetime) -> Statement | None:
    checkout = Taken(**json.loads(answer.body)).checkout
    if not checkout:
        return None
    return repetitions.of_device(
        subject=checkout, call=Call.CHECKOUT, device=device.reference, at=at
    )


def _fingerprint(asked: Asked) -> bytes:
    said = json.dumps([asked.code, asked.amount_minor, asked.currency, asked.order]).encode()
    return idempotency.fingerprint(method="TAKE", path="code", body=said)


def _till_of(merchant: Merchant, reference: str) -> Device:
    found = Device.objects.filter(
        virtual_till__store__merchant=merchant,
        pk__in=Checkout.objects.filter(reference=reference).values("device"),
    ).first()
    if found is None:
        raise NotFound
    return found


def _noted(action: str, checkout: Checkout, actor: Actor, at: datetime) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_kind="checkout",
        subject=checkout.reference,
        tenant=checkout.merchant.reference,
        at=at,
        after={"state": checkout.state, "tender": checkout.tender},
    )
