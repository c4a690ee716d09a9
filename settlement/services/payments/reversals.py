"""An approval taken back whole: before clearing, and with no refund (protocol §4)."""

from datetime import datetime
from typing import Final

from django.db import transaction

from config import audit, pipeline
from config.audit import Actor
from config.refusals import NotFound
from issuers.services import remote
from settlement.models import Checkout, Transfer
from settlement.rules.requests import Request
from settlement.selectors import clearing
from settlement.services import days
from settlement.services.payments import planned, rows
from settlement.services.payments.giving_back import give_back
from settlement.services.payments.refusals import (
    AlreadyCleared,
    AlreadyRefunded,
    PaymentNotRefundable,
)

REVERSAL_KEY: Final = "reversal"  # of what benefits gave: a reversal is one, and of the whole


@transaction.atomic
def reverse(*, reference: str, reason: str, actor: Actor, at: datetime) -> Request:
    """
    Take the payment of that ``reference`` back, whatever its channel; staff say why.

    :raises NotFound: there is none
    :raises AlreadyCleared: its business day is closed, or it stands in a payout
    :raises AlreadyRefunded: something of it was refunded
    :raises PaymentNotRefundable: it is not approved
    """
    (answer,) = pipeline.run(rows.locked_payment(reference=reference))
    request = rows.request_of(answer)
    if request is None:
        raise NotFound
    after = reverse_locked(request, at=at)
    audit.record(
        actor=actor,
        action="payment.reverse",
        subject_kind="payment",
        subject=reference,
        tenant=request.shop.merchant,
        at=at,
        reason=reason,
        before={"state": request.state},
        after={"state": after.state},
    )
    return after


def reverse_locked(request: Request, *, at: datetime) -> Request:
    """
    Take back a payment that this transaction has locked: benefits, position, ledger, day, state
    and event.

    An issuer that approved it in a system of its own is told by that, until it acknowledges.

    :raises AlreadyCleared, AlreadyRefunded, PaymentNotRefundable: as :func:`reverse`
    """
    if request.state != "APPROVED" or request.approved_at is None:
        raise PaymentNotRefundable
    if request.refunded_minor:
        raise AlreadyRefunded
    if clearing.is_cleared(
        payment_id=request.payment_id,
        merchant_id=request.shop.merchant_id,
        business_date=request.business_date,
        approved_at=request.approved_at,
    ):
        raise AlreadyCleared
    after = request._replace(state="REVERSED")
    planned.move_checkout(request, to=Checkout.State.REVERSED)
    give_back(
        request,
        code=Transfer.Code.REVERSAL,
        amount_minor=request.amount_minor,
        key=REVERSAL_KEY,
        at=at,
    )
    answers = pipeline.run(
        *rows.moved(request, after, kind="reversed", at=at, reversed_at=at),
        days.reversed_(request),
        remote.reversing(document=request.reference, at=at),
    )
    rows.check_moved(answers)
    return after
