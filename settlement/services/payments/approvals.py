"""The customer approves: everything is checked, taken and posted in one transaction.

Three round trips: what is locked and read, what is written, and the commit. Locks in the house's
order: payment, phone counter, card FOR SHARE, account (``docs/architecture.md``).
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, NamedTuple

from django.db import transaction

from config import pipeline
from config.models import Device
from config.pipeline import Answer, Statement
from config.refusals import NotFound, Refused
from config.wire import numbers
from issuers.services import authorise as issuer
from issuers.services.authorise import Asked, Declined, DeclineReason
from merchants.services import agreements
from merchants.wire import Bill
from settlement.models import Transfer
from settlement.rules import fees
from settlement.rules.requests import Request
from settlement.rules.sheet import business_date
from settlement.services import days, debts, ledger, legs
from settlement.services.payments import bills, expiry, rows
from settlement.services.payments.claims import claim_until
from settlement.services.payments.refusals import (
    BillAltered,
    CertificateRequired,
    PaymentApproving,
    PaymentChanged,
    PaymentFinal,
    TidNotClaimed,
    TidUnknown,
)
from wallets.services import pins


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What the phone is told: APPROVED with its code, or DECLINED with the reason.

    ``remainder_minor``: what the card was asked for, minor units.
    """

    state: str
    remainder_minor: int
    approval_code: str = ""
    decline_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What the customer agreed to on the phone, and the PIN code that proves it.

    ``card``: its token, 16 bytes; ``amount_minor`` in minor units; ``bill``: the relay's bytes.
    """

    card: bytes
    merchant: str
    amount_minor: int
    currency: str
    counter: int
    pin_code: str
    bill: bytes | None = None


def approve(
    *,
    device: Device,
    tid: str,
    consent: Consent,
    at: datetime,
    clock: Callable[[], float] = monotonic,
) -> Approval:
    """
    Pay the request under ``tid`` with the customer's card, or decline it.

    Checked in this order: claim, final state, bill, merchant with amount and currency, PIN code,
    issuer. ``at``: when the call came; ``clock``: seconds that only rise, by which the payment
    keeps when it was decided on.

    :raises TidUnknown, TidNotClaimed, PaymentFinal, PaymentApproving: it is not this phone's to pay
    :raises BillRequired, BillAltered, RelayRevoked, RelayUnpaired: as :mod:`bills` says
    :raises BillForeign, BillVoided, BillExpired: the same
    :raises PaymentChanged: what the customer saw is not what the portal has
    :raises DeviceLocked, PinCodeInvalid, CounterUsed, CounterAhead: as :func:`pins.verify`
    :raises CertificateRequired: the card has no certificate on this phone
    :raises NotFound: the card is not this customer's
    """
    began = clock()

    def decided() -> datetime:
        return at + timedelta(seconds=clock() - began)

    call = _Call(device, tid, consent, at, decided)
    told = _decide(call)
    if isinstance(told, _Owes):
        debts.collect(account_ids=[told.account_id], at=at)
        told = _decide(call, collected=True)
    if isinstance(told, Approval):
        return told
    assert isinstance(told, Refused), "a debt is collected once"
    if isinstance(told, BillAltered):
        bills.alert(tid=tid, merchant=consent.merchant, at=at)
    raise told


class _Call(NamedTuple):
    """Who asks for what, and when; ``decided`` tells the time at which it is decided."""

    device: Device
    tid: str
    consent: Consent
    at: datetime
    decided: Callable[[], datetime]


class _Owes(NamedTuple):
    """The account has a debt: what it has is taken towards it before anything else."""

    account_id: int


class _Found(NamedTuple):
    """All that one round trip locked and read."""

    request: Request
    said: Bill | None
    relay: Answer
    pin: Answer
    asked: Asked | None
    terms: Sequence[fees.Terms]


class _Word(NamedTuple):
    """What becomes of a call, and what is to be written for it."""

    told: Approval | Refused | _Owes
    writes: Sequence[Statement]
    moves: bool = False


@transaction.atomic
def _decide(call: _Call, *, collected: bool = False) -> Approval | Refused | _Owes:
    found = _find(call)
    word = _refused(call, found) or _judged(call, found, collected=collected)
    answers = pipeline.run(*word.writes)
    if word.moves:
        rows.check_moved(answers)
        _check_posted(call, word, found, answers)
    return word.told


def _find(call: _Call) -> _Found:
    """
    Lock and read everything in one round trip.

    :raises TidUnknown: no terminal has asked under it
    """
    said = bills.read(call.consent.bill)
    request, relay, pin, terms, *about = pipeline.run(
        rows.locked(tid=call.tid),
        bills.question(said, tid=call.tid),
        pins.locked(device=call.device),
        agreements.terms_at(merchant=call.consent.merchant, at=call.at),
        *issuer.questions(token=call.consent.card, phone_id=call.device.pk, at=call.at),
    )
    of = rows.request_of(request)
    if of is None:
        raise TidUnknown
    agreed = [fees.Terms(*row) for row in terms.rows]
    return _Found(of, said, relay, pin, issuer.asked(about), agreed)


def _refused(call: _Call, found: _Found) -> _Word | None:
    """Return why the request is not to be paid like this, before the PIN code is looked at."""
    request, ended = expiry.ending(found.request, at=call.at)
    if not found.request.is_claimed_by(call.device.pk, at=call.at):
        return _Word(TidNotClaimed(), ended)
    if request.is_final:
        return _Word(PaymentFinal(state=request.state), ended)
    if request.state == "APPROVING":
        return _Word(PaymentApproving(), [])
    refusal = bills.refusal_of(
        request=request, bill=call.consent.bill, said=found.said, relay=found.relay, at=call.at
    ) or _changed(call.consent, request)
    return None if refusal is None else _Word(refusal, [_renewed(call, request)])


def _changed(consent: Consent, request: Request) -> Refused | None:
    saw = (consent.merchant, consent.amount_minor, consent.currency)
    is_it = saw == (request.shop.merchant, request.amount_minor, request.currency)
    return None if is_it else PaymentChanged()


def _judged(call: _Call, found: _Found, *, collected: bool) -> _Word:
    """Return what becomes of it by the PIN code and the issuer's word."""
    request, asked = found.request, found.asked
    pin = pins.judge(
        held=found.pin,
        device=call.device,
        subject=request.tid,
        card_token=call.consent.card,
        counter=call.consent.counter,
        pin_code=call.consent.pin_code,
        at=call.at,
    )
    refusal = pin.refusal or _card_refusal(asked, call.device)
    if refusal is not None:
        return _Word(refusal, [_renewed(call, request), *pin.writes])
    assert asked is not None, "an unknown card is refused"
    if asked.owes and not collected:
        return _Word(_Owes(asked.account_id), [])
    word = issuer.decide(asked=asked, amount_minor=request.amount_minor, currency=request.currency)
    if isinstance(word, Declined):
        return _declined(call, request, asked, word.reason, pin.writes)
    return _approved(call, found, asked, pin.writes)


def _renewed(call: _Call, request: Request) -> Statement:
    until = claim_until(request, at=call.at)
    return rows.claimed(request, device_id=call.device.pk, until=until)


def _card_refusal(asked: Asked | None, device: Device) -> Refused | None:
    if asked is None or asked.holder != device.owner:
        return NotFound("There is no such card, or it is not yours.")
    return None if asked.certified else CertificateRequired()


def _declined(
    call: _Call,
    request: Request,
    asked: Asked,
    reason: DeclineReason,
    counted: Sequence[Statement],
) -> _Word:
    after = request._replace(state="DECLINED", decline_reason=reason.value, last4=asked.last4)
    kept = issuer.declining(
        asked=asked,
        document=request.reference,
        amount_minor=request.amount_minor,
        currency=request.currency,
        reason=reason,
        at=call.at,
        phone_id=call.device.pk,
    )
    moves = rows.moved(
        request,
        after,
        kind="declined",
        at=call.at,
        decline_reason=reason.value,
        card_id=asked.card_id,
        decided_at=call.decided(),
    )
    told = Approval(
        state="DECLINED", decline_reason=reason.value, remainder_minor=request.amount_minor
    )
    return _Word(told, [*moves, *counted, kept], moves=True)


_SALE: Final = "online_sale"


def _approved(call: _Call, found: _Found, asked: Asked, counted: Sequence[Statement]) -> _Word:
    request, at = found.request, call.at
    code = numbers.online_approval_code(secrets.token_bytes(numbers.RANDOM_BYTES))
    today = business_date(at=int(at.timestamp()), time_zone=request.shop.time_zone)
    day = request.shop.business_date(today)
    after = request._replace(
        state="APPROVED",
        approval_code=code,
        approved_at=at,
        last4=asked.last4,
        card_id=asked.card_id,
        business_date=day,
    )
    moves = rows.moved(
        request,
        after,
        kind="approved",
        at=at,
        approval_code=code,
        approved_at=at,
        decided_at=call.decided(),
        card_id=asked.card_id,
        business_date=day,
        fee_minor=_fee(found, at),
    )
    taken = issuer.taking(
        asked=asked,
        document=request.reference,
        amount_minor=request.amount_minor,
        currency=request.currency,
        at=at,
        phone_id=call.device.pk,
    )
    posted = ledger.posting(kind=_SALE, draft=_draft(request, asked), at=at)
    told = Approval(state="APPROVED", approval_code=code, remainder_minor=request.amount_minor)
    return _Word(told, [*moves, *counted, *taken, days.sold(after), posted], moves=True)


def _fee(found: _Found, at: datetime) -> int:
    return fees.fee_of(
        found.terms,
        amount_minor=found.request.amount_minor,
        currency=found.request.currency,
        at=int(at.timestamp()),
        online=True,
    )


def _draft(request: Request, asked: Asked) -> ledger.Draft:
    payer, payee = legs.of(request, account=asked.account, issuer=asked.issuer)
    return ledger.Draft(
        Transfer.Code.ONLINE_SALE, payer, payee, request.amount_minor, request.payment_id
    )


def _check_posted(call: _Call, word: _Word, found: _Found, answers: Sequence[Answer]) -> None:
    """Post the slow way where a ledger account was not there yet: then nothing was posted."""
    approved = isinstance(word.told, Approval) and word.told.state == "APPROVED"
    if approved and not answers[-1].touched:
        assert found.asked is not None, "an approval has its card"
        transfers = [_draft(found.request, found.asked)]
        ledger.post_many(kind=_SALE, transfers=transfers, at=call.at)
