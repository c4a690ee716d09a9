"""The word of an issuer's own system, or none by the deadline: APPROVING comes to its end.

In a transaction of its own, which locks the payment first: who cancelled it meanwhile was first.
"""

from datetime import datetime
from typing import Final, NamedTuple

from django.db import transaction

from config import pipeline
from config.sweeps import Sweep
from issuers.models import RemoteAuthorisation
from issuers.services import authorise as issuer
from issuers.services import remote
from issuers.services.authorise import Asked, DeclineReason
from issuers.services.remote import Outstanding, Word
from merchants.services import agreements
from settlement.models import Payment
from settlement.rules import fees
from settlement.rules.requests import Request
from settlement.services.payments import decisions, planned, rows
from settlement.services.payments.claims import barred
from settlement.services.payments.planned import Part


class _Found(NamedTuple):
    """What two round trips locked and read: payment, question, card and account."""

    request: Request
    question: Outstanding
    asked: Asked
    terms: list[fees.Terms]
    part: Part | None  # what benefits leave to the card, None where they pay nothing

    @property
    def by_card_minor(self) -> int:
        return self.request.amount_minor if self.part is None else self.part.by_card_minor


@transaction.atomic
def settle(*, document: str, word: Word, at: datetime) -> bool:
    """
    End an APPROVING payment by the issuer's word; return whether it was still open.

    ``document``: the payment's reference. A card that was blocked while its issuer was asked pays
    nothing: its yes is reversed; a shop that was suspended meanwhile, or a terminal revoked, is
    paid nothing. So is reversed whatever an issuer may have done of which nobody knows.
    """
    payment, question = pipeline.run(
        rows.locked_payment(reference=document), remote.locked(document=document)
    )
    outstanding, request = remote.outstanding(question), rows.request_of(payment)
    if not outstanding.is_open:
        return False
    assert request is not None, "what an issuer is asked about is a payment"
    found = _read(request, outstanding, at)
    if word.reason is None and (found.asked.standing.blocked or not found.asked.standing.open):
        word = Word(DeclineReason.CARD_BLOCKED, is_told=False)
    elif word.reason is None and barred(request) is not None:
        word = remote.UNKNOWN
    if word.reason is None:
        _approve(found, at)
    else:
        _decline(found, word.reason, at, is_told=word.is_told)
    return True


def end_overdue(*, at: datetime, limit: int) -> int:
    """Decline up to ``limit`` payments whose issuer has said nothing in time; return how many."""
    late = RemoteAuthorisation.objects.filter(
        ~SWEEP.stuck("document"), state=RemoteAuthorisation.State.ASKED, deadline_at__lte=at
    )
    documents = list(late.order_by("deadline_at").values_list("document", flat=True)[:limit])
    return SWEEP.run(names=documents, at=at)


def _read(request: Request, question: Outstanding, at: datetime) -> _Found:
    part = planned.held_of(document=request.reference)
    terms, *about = pipeline.run(
        agreements.terms_at(merchant=request.shop.merchant, at=at),
        *issuer.questions(token=question.token, phone_id=question.phone_id, at=at),
    )
    asked = issuer.asked(about)
    assert asked is not None, "a card's row stays"
    return _Found(request, question, asked, [fees.Terms(*row) for row in terms.rows], part)


def _approve(found: _Found, at: datetime) -> None:
    request, asked = found.request, found.asked
    taken = remote.capturing(
        asked=asked,
        document=request.reference,
        amount_minor=found.by_card_minor,
        currency=request.currency,
        at=at,
        phone_id=found.question.phone_id,
    )
    part = found.part
    parts = None if part is None else planned.commit(request=request, tender=part.tender, at=at)
    word = decisions.approved(
        request=request,
        asked=asked,
        terms=found.terms,
        taken=[],
        at=at,
        decided_at=at,
        by_card_minor=None if part is None else part.by_card_minor,
    )
    ends = pipeline.run(*taken)
    remote.check_ended(ends)
    answers = pipeline.run(*word.writes)
    rows.check_moved(answers)
    planned.move_checkout(request, to="PAID", tender="PSN", ended_at=at)
    if parts is None:
        decisions.check_posted(request=request, asked=asked, answer=answers[-1], at=at)
    else:
        decisions.post(
            request=request, asked=asked, by_card_minor=found.by_card_minor, parts=parts, at=at
        )


def _decline(found: _Found, reason: DeclineReason, at: datetime, *, is_told: bool) -> None:
    request = found.request
    ends = pipeline.run(*remote.releasing(document=request.reference, at=at, is_told=is_told))
    remote.check_ended(ends)
    writes = decisions.declined(
        request=request,
        asked=found.asked,
        reason=reason,
        phone_id=found.question.phone_id,
        at=at,
        decided_at=at,
        by_card_minor=found.by_card_minor,
    )
    if found.part is not None:
        planned.release(request=request, at=at)
    rows.check_moved(pipeline.run(*writes))
    planned.move_checkout(request, to="DECLINED", decline_reason=reason.value, ended_at=at)


def _merchant(document: str) -> str:
    return Payment.objects.values_list("merchant__reference", flat=True).get(reference=document)


SWEEP: Final = Sweep(
    kind="payment_not_declined",
    told="The issuer of {name} has not answered, and the portal fails to decline it.",
    end=lambda document, at: settle(document=document, word=remote.UNKNOWN, at=at),
    tenant=_merchant,
)
