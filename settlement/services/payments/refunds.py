"""Money given back of an approved payment: full, partial, several times, never above it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from django.db import transaction

from benefits.services.restoring import BackLine
from config import audit, pipeline, references
from config.audit import Actor
from config.pipeline import Statement
from config.refusals import NotFound
from issuers.services import remote
from settlement.models import Transfer
from settlement.rules.requests import Request
from settlement.rules.sheet import business_date
from settlement.services import days
from settlement.services.payments import rows
from settlement.services.payments.giving_back import give_back
from settlement.services.payments.refusals import (
    ExceedsRefundable,
    PaymentNotRefundable,
    RefundedMeanwhile,
)

# The portal itself decides on taps, and on what was approved beforehand.
_MAY_BE_ASKED: Final = frozenset({"TID", "RELAY", "SMART"})


class Refunded(NamedTuple):
    """A refund: its reference, minor units given back and left, and what came of benefits."""

    reference: str
    amount_minor: int
    refundable_minor: int
    payment: Request
    lines: Sequence[BackLine] = ()


@transaction.atomic
def refund(
    *,
    reference: str,
    amount_minor: int,
    reason: str,
    actor: Actor,
    at: datetime,
    seen_minor: int | None = None,
) -> Refunded:
    """
    Give ``amount_minor`` of the payment back to whoever bore it, at any time after its approval.

    Position, ledger, day, the payment's sum, the refund's own record and its event are one unit,
    and so is the advice to an issuer that approved the payment in a system of its own: it is told
    by that, until it acknowledges, and never waited for.
    ``seen_minor``: what was refunded when somebody decided on this; a form that is sent twice, or
    from two windows, is then one refund.

    :raises NotFound: there is no such payment
    :raises RefundedMeanwhile: another sum is refunded by now than ``seen_minor``
    :raises PaymentNotRefundable: it was never approved, or is reversed
    :raises ExceedsRefundable: more than is left of it
    :raises WholeOnly: as :func:`give_back`
    """
    (answer,) = pipeline.run(rows.locked_payment(reference=reference))
    request = rows.request_of(answer)
    if request is None:
        raise NotFound
    if request.state != "APPROVED":
        raise PaymentNotRefundable
    if seen_minor is not None and seen_minor != request.refunded_minor:
        raise RefundedMeanwhile
    if amount_minor > request.amount_minor - request.refunded_minor:
        raise ExceedsRefundable
    made = _made(request, amount_minor)
    refunded_by = f"{actor.kind} {actor.name}"[:64]
    back = give_back(
        request, code=Transfer.Code.REFUND, amount_minor=amount_minor, key=made.reference, at=at
    )
    pipeline.run(
        *_writing(made, reason=reason, refunded_by=refunded_by, at=at),
        *_advising(made, back.by_card_minor, at),
    )
    audit.record(
        actor=actor,
        action="payment.refund",
        subject_kind="payment",
        subject=reference,
        tenant=request.shop.merchant,
        at=at,
        reason=reason,
        after={"refund": made.reference, "amount_minor": amount_minor},
    )
    return made._replace(lines=back.lines)


def _made(request: Request, amount_minor: int) -> Refunded:
    after = request._replace(refunded_minor=request.refunded_minor + amount_minor)
    left_minor = after.amount_minor - after.refunded_minor
    return Refunded(references.new("RFD"), amount_minor, left_minor, after)


def _writing(made: Refunded, *, reason: str, refunded_by: str, at: datetime) -> list[Statement]:
    payment = made.payment
    today = business_date(at=int(at.timestamp()), time_zone=payment.shop.time_zone)
    day = payment.shop.business_date(today)
    row = [made.reference, payment.payment_id, made.amount_minor, payment.currency, reason]
    told = {"id": made.reference, "amount": made.amount_minor, "reason": reason}
    return [
        Statement(_ADD, [made.amount_minor, payment.payment_id]),
        Statement(_INSERT, [*row, refunded_by, day, at]),
        days.refunded(payment, day=day, amount_minor=made.amount_minor),
        *rows.event(payment, kind="refund.created", at=at, refund=told),
    ]


def _advising(made: Refunded, by_card_minor: int, at: datetime) -> list[Statement]:
    """Return what tells the card's issuer of its part, where there is one and it may be asked."""
    payment = made.payment
    if payment.channel not in _MAY_BE_ASKED or not by_card_minor:
        return []
    told = remote.refunding(
        document=payment.reference, refund=made.reference, amount_minor=by_card_minor, at=at
    )
    return [told]


_ADD: Final = """
UPDATE settlement_payment SET refunded_minor = refunded_minor + %s WHERE id = %s
"""
_INSERT: Final = """
INSERT INTO settlement_refund (reference, payment_id, amount_minor, currency, reason, refunded_by,
                               business_date, refunded_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
