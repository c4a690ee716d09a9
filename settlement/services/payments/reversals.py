"""An approval taken back whole: before clearing, and with no refund (protocol §4)."""

from datetime import datetime

from django.db import transaction

from config import audit, pipeline
from config.audit import Actor
from config.refusals import NotFound
from settlement.models import Transfer
from settlement.rules.requests import Request
from settlement.selectors import clearing
from settlement.services import days
from settlement.services.payments import rows
from settlement.services.payments.giving_back import give_back
from settlement.services.payments.refusals import (
    AlreadyCleared,
    AlreadyRefunded,
    PaymentNotRefundable,
)


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
    Take back a payment that this transaction has locked: position, ledger, day, state and event.

    :raises AlreadyCleared, AlreadyRefunded, PaymentNotRefundable: as :func:`reverse`
    """
    if request.state != "APPROVED" or request.card_id is None or request.approved_at is None:
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
    answers = pipeline.run(
        *rows.moved(request, after, kind="reversed", at=at, reversed_at=at),
        days.reversed_(request),
    )
    rows.check_moved(answers)
    give_back(request, code=Transfer.Code.REVERSAL, amount_minor=request.amount_minor, at=at)
    return after
