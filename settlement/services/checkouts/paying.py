"""The end of a checkout that is paid: benefits, money, ledger, payment and event as one unit."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction

from config import pipeline
from config.pipeline import Statement
from issuers.services import authorise as issuer
from issuers.services import remote
from issuers.services.authorise import Asked, Declined, DeclineReason
from merchants.services import agreements
from settlement.models import Checkout
from settlement.rules import fees
from settlement.rules.requests import Request
from settlement.services import debts
from settlement.services.payments import decisions, planned, rows
from settlement.services.payments.planned import Part

State = Checkout.State


@transaction.atomic
def by_card(*, checkout: Checkout, at: datetime) -> None:
    """
    Ask the plan's card for the remainder, and end ``checkout`` by the issuer's word.

    The caller has locked checkout, phone counter, plan and holdings. Where benefits cover all, no
    card is asked. A debt of its account is collected first. A decline gives all benefits back.
    """
    if not checkout.remainder_minor:
        without_card(checkout=checkout, tender=Checkout.Tender.NONE, at=at)
        return
    request = _born(checkout, amount_minor=checkout.amount_minor, at=at)
    asked = _asked(checkout, at)
    reason = _reason(checkout, asked)
    if reason is not None:
        _decline(checkout, request, asked, reason, at)
    elif asked.authoriser_id is not None:
        _ask(checkout, request, asked, at)
    else:
        _approve(checkout, request, asked, at)


@transaction.atomic
def without_card(*, checkout: Checkout, tender: Checkout.Tender, at: datetime) -> None:
    """
    End ``checkout``, whose remainder the till took itself or of which nothing remains.

    The portal settles what benefits paid: only that is a payment, and where they paid nothing there
    is none.
    """
    lines_minor = checkout.amount_minor - checkout.remainder_minor
    payment_id = None
    if lines_minor:
        request = _born(checkout, amount_minor=lines_minor, at=at)
        payment_id = request.payment_id
        parts = planned.commit(request=request, tender=tender, at=at)
        word = decisions.approved(
            request=request,
            asked=None,
            terms=[],
            taken=[],
            at=at,
            decided_at=at,
            by_card_minor=0,
        )
        rows.check_moved(pipeline.run(*word.writes))
        decisions.post(request=request, asked=None, by_card_minor=0, parts=parts, at=at)
    else:
        planned.use_up(document=checkout.reference, tender=tender, at=at)
    checkout.transition(State.PAID, tender=tender, payment_id=payment_id, tsn=None, ended_at=at)


def _reason(checkout: Checkout, asked: Asked) -> DeclineReason | None:
    """Return why the card does not pay: as any payment of its phone, and only with a certificate
    there (protocol §3.1)."""
    if asked.holder != checkout.plan.device.owner or not asked.certified:
        return DeclineReason.CARD_BLOCKED
    word = issuer.decide(
        asked=asked, amount_minor=checkout.remainder_minor, currency=checkout.currency
    )
    return word.reason if isinstance(word, Declined) else None


def _asked(checkout: Checkout, at: datetime) -> Asked:
    card, device = checkout.plan.card, checkout.plan.device
    assert card is not None, "a payment number has its card"
    questions = issuer.questions(token=bytes(card.token), phone_id=device.pk, at=at)
    asked = debts.asked_after(questions=questions, holder=device.owner, at=at)
    assert asked is not None, "a card's row stays"
    return asked


def _approve(checkout: Checkout, request: Request, asked: Asked, at: datetime) -> None:
    part = Part(checkout.remainder_minor)
    parts = planned.commit(request=request, tender=part.tender, at=at)
    taken = issuer.taking(
        asked=asked,
        document=request.reference,
        amount_minor=part.by_card_minor,
        currency=request.currency,
        at=at,
        phone_id=checkout.plan.device_id,
    )
    (terms,) = pipeline.run(agreements.terms_at(merchant=request.shop.merchant, at=at))
    word = decisions.approved(
        request=request,
        asked=asked,
        terms=[fees.Terms(*row) for row in terms.rows],
        taken=taken,
        at=at,
        decided_at=at,
        by_card_minor=part.by_card_minor,
    )
    rows.check_moved(pipeline.run(*word.writes))
    decisions.post(
        request=request, asked=asked, by_card_minor=part.by_card_minor, parts=parts, at=at
    )
    checkout.transition(
        State.PAID,
        tender=Checkout.Tender.PSN,
        payment_id=request.payment_id,
        tsn=None,
        ended_at=at,
    )


def _decline(
    checkout: Checkout, request: Request, asked: Asked, reason: DeclineReason, at: datetime
) -> None:
    planned.release(request=request, at=at)
    writes = decisions.declined(
        request=request,
        asked=asked,
        reason=reason,
        phone_id=checkout.plan.device_id,
        at=at,
        decided_at=at,
        by_card_minor=checkout.remainder_minor,
    )
    rows.check_moved(pipeline.run(*writes))
    checkout.transition(
        State.DECLINED,
        decline_reason=reason.value,
        payment_id=request.payment_id,
        tsn=None,
        ended_at=at,
    )


def _ask(checkout: Checkout, request: Request, asked: Asked, at: datetime) -> None:
    """Let the question out; its answer ends payment and checkout (`payments.answers`).

    A payment is asked about once a phone has claimed it (protocol §4): its number did.
    """
    claimed = request._replace(state="CLAIMED")
    rows.check_moved(pipeline.run(*rows.moved(request, claimed, kind="claimed", at=at)))
    move = rows.moved_untold(claimed, to="APPROVING", card_id=asked.card_id)
    put = remote.asking(
        asked=asked,
        document=request.reference,
        merchant=request.shop.merchant,
        amount_minor=checkout.remainder_minor,
        currency=request.currency,
        phone_id=checkout.plan.device_id,
        at=at,
        deadline_at=at + timedelta(seconds=settings.AUTHORISER_DEADLINE_S),
    )
    rows.check_moved(pipeline.run(move, *put))
    checkout.transition(State.APPROVING, payment_id=request.payment_id, tsn=None)


def _born(checkout: Checkout, *, amount_minor: int, at: datetime) -> Request:
    """Insert the payment of ``checkout``, REQUESTED, with its event; return it, locked."""
    insert = Statement(
        _INSERT,
        [
            *(checkout.reference, amount_minor, checkout.currency, checkout.store_id),
            *(checkout.device_id, checkout.order, at, at, checkout.merchant_id),
        ],
    )
    _made, found = pipeline.run(insert, rows.locked_payment(reference=checkout.reference))
    request = rows.request_of(found)
    assert request is not None, "it was inserted just now"
    pipeline.run(*rows.event(request, kind="payment.requested", at=at))
    return request


_INSERT: Final = """
INSERT INTO settlement_payment
       (reference, channel, state, amount_minor, currency, merchant_id, store_id, device_id,
        "order", bearer, business_date, created_at, approval_code, bearer_cause, fee_minor)
SELECT %s, 'SMART', 'REQUESTED', %s, %s, m.id, %s, %s, %s, 'CARDHOLDER',
       (%s::timestamptz AT TIME ZONE m.time_zone)::date, %s, '', '', 0
  FROM merchants_merchant m WHERE m.id = %s
"""
