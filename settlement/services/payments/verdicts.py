"""The issuer's word on what a phone approved, and all that follows from it.

A plan's benefits are taken here, before the card is asked, and used up or given back with it.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings

from config.models import Device
from config.pipeline import Statement
from config.refusals import NotFound, Refused
from issuers.services import authorise as issuer
from issuers.services import remote
from issuers.services.authorise import Asked, Declined, DeclineReason
from settlement.rules.requests import Request
from settlement.services import debts
from settlement.services.payments import decisions, planned, rows
from settlement.services.payments.consents import Approval, Call, Case, Found, Owes, Word
from settlement.services.payments.planned import Part
from settlement.services.payments.refusals import CertificateRequired


def reached(call: Call, found: Found, counted: Sequence[Statement], *, collected: bool) -> Word:
    """
    Return what becomes of it once the PIN code is right; ``counted`` moves the phone's counter.

    :raises Refused: the plan is not to be taken, or the card not to be asked
    """
    request, part = found.request, _taken(call, found.request)
    asked = found.asked if part is None else _asked(call)
    refusal = _card_refusal(asked, call.device)
    if refusal is not None:
        raise refusal
    assert asked is not None, "an unknown card is refused"
    if part is None and asked.owes and not collected:
        return Word(Owes(asked.account_id), [])
    case = Case(call, found, asked, counted, part)
    minor = case.by_card_minor
    word = issuer.decide(asked=asked, amount_minor=minor, currency=request.currency)
    if minor and isinstance(word, Declined):
        return _declined(case, word.reason)
    if minor and asked.authoriser_id is not None:
        return _asking(case)
    return _approved(case)


def questions(call: Call) -> list[Statement]:
    """Return the statements that lock the card and its account, and read the rest."""
    return issuer.questions(token=call.consent.card, phone_id=call.device.pk, at=call.at)


def _asked(call: Call) -> Asked | None:
    """Ask about the card after the plan's rows, which are locked before it."""
    return debts.asked_after(questions=questions(call), holder=call.device.owner, at=call.at)


def _card_refusal(asked: Asked | None, device: Device) -> Refused | None:
    if asked is None or asked.holder != device.owner:
        return NotFound("There is no such card, or it is not yours.")
    return None if asked.certified else CertificateRequired()


def _taken(call: Call, request: Request) -> Part | None:
    """Return what the plan's benefits leave to the card; None without a plan."""
    consent = call.consent
    if consent.plan is None:
        planned.check_most(left_minor=request.amount_minor, most_minor=consent.max_remainder_minor)
        return None
    return planned.take(
        request=request,
        device=call.device,
        plan=consent.plan,
        card=consent.card,
        most_minor=consent.max_remainder_minor,
        at=call.at,
    )


def _declined(case: Case, reason: DeclineReason) -> Word:
    call, request = case.call, case.found.request
    if case.part is not None:
        planned.release(request=request, at=call.at)
    writes = decisions.declined(
        request=request,
        asked=case.asked,
        reason=reason,
        phone_id=call.device.pk,
        at=call.at,
        decided_at=call.decided(),
        by_card_minor=case.by_card_minor,
    )
    told = Approval(
        document=request.reference,
        state="DECLINED",
        decline_reason=reason.value,
        remainder_minor=case.by_card_minor,
    )
    return Word(told, [*writes, *case.counted], moves=True)


def _approved(case: Case) -> Word:
    call, request, part = case.call, case.found.request, case.part
    minor = case.by_card_minor
    parts = (
        None if part is None else planned.commit(request=request, tender=part.tender, at=call.at)
    )
    taken = issuer.taking(
        asked=case.asked,
        document=request.reference,
        amount_minor=minor,
        currency=request.currency,
        at=call.at,
        phone_id=call.device.pk,
    )
    word = decisions.approved(
        request=request,
        asked=case.asked,
        terms=case.found.terms,
        taken=[*case.counted, *(taken if minor else [])],
        at=call.at,
        decided_at=call.decided(),
        by_card_minor=None if part is None else minor,
    )
    told = Approval(
        document=request.reference,
        state="APPROVED",
        approval_code=word.approval_code,
        remainder_minor=minor,
    )
    return Word(told, word.writes, moves=True, parts=parts, asked=case.asked)


def _asking(case: Case) -> Word:
    """Let the question out: the issuer's own system is asked once this is committed."""
    call, request, minor = case.call, case.found.request, case.by_card_minor
    move = rows.moved_untold(request, to="APPROVING", card_id=case.asked.card_id)
    put = remote.asking(
        asked=case.asked,
        document=request.reference,
        merchant=request.shop.merchant,
        amount_minor=minor,
        currency=request.currency,
        phone_id=call.device.pk,
        at=call.at,
        deadline_at=call.at + timedelta(seconds=settings.AUTHORISER_DEADLINE_S),
    )
    told = Approval(document=request.reference, state="APPROVING", remainder_minor=minor)
    return Word(told, [move, *case.counted, *put], moves=True)
