"""The customer approves: everything is checked, taken and posted in one transaction.

Three round trips: what is locked and read, what is written, and the commit. Locks in the house's
order: payment, phone counter, card FOR SHARE, account (``docs/architecture.md``). With a plan its
benefits are taken between the counter and the card.
"""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from time import monotonic

from django.db import transaction

from config import pipeline
from config.models import Device
from config.pipeline import Answer, Statement
from config.refusals import Refused
from issuers.services import authorise as issuer
from merchants.services import agreements
from settlement.rules import fees
from settlement.rules.requests import Request
from settlement.services import debts
from settlement.services.payments import bills, decisions, expiry, rows, verdicts
from settlement.services.payments.claims import barred, claim_until
from settlement.services.payments.consents import (
    Approval,
    Call,
    Consent,
    Found,
    Owes,
    Word,
)
from settlement.services.payments.refusals import (
    BillAltered,
    PaymentApproving,
    PaymentChanged,
    PaymentFinal,
    TidNotClaimed,
    TidUnknown,
)
from wallets.services import pins


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

    Checked in this order: claim, final state, shop and terminal, bill, merchant with amount and
    currency, PIN code, benefits, issuer. ``at``: when the call came; ``clock``: seconds that only
    rise, by which the payment keeps when it was decided on.

    :raises TidUnknown, TidNotClaimed, PaymentFinal, PaymentApproving: it is not this phone's to pay
    :raises MerchantSuspended, TerminalRevoked: as :func:`barred` says
    :raises BillRequired, BillAltered, RelayRevoked, RelayUnpaired: as :mod:`bills` says
    :raises BillForeign, BillVoided, BillExpired: the same
    :raises PaymentChanged: what the customer saw is not what the portal has
    :raises DeviceLocked, PinCodeInvalid, CounterUsed, CounterAhead: as :func:`pins.verify`
    :raises CertificateRequired: the card has no certificate on this phone
    :raises TsnExpired, TsnCancelled, TsnUsed: the plan's number is not good any more
    :raises QuoteChanged: its benefits leave more than the customer agreed to
    :raises NotFound: the card is not this customer's, or the plan not this phone's
    """
    began = clock()

    def decided() -> datetime:
        return at + timedelta(seconds=clock() - began)

    call = Call(device, tid, consent, at, decided)
    told = _decide(call)
    if isinstance(told, Owes):
        told = _decide_collected(call, told)
    if isinstance(told, Approval):
        return told
    assert isinstance(told, Refused), "a debt is collected once"
    if isinstance(told, BillAltered):
        bills.alert(tid=tid, at=at)
    raise told


@transaction.atomic
def _decide(call: Call, *, collected: bool = False) -> Approval | Refused | Owes:
    found = _find(call)
    word = _refused(call, found) or _judged(call, found, collected=collected)
    answers = pipeline.run(*word.writes)
    if word.moves:
        rows.check_moved(answers)
        _check_posted(call, word, found, answers[-1])
    if isinstance(word.told, Owes):
        # Collecting locks the card itself, after the account never: all locks of this go first.
        transaction.set_rollback(True)
    return word.told


@transaction.atomic
def _decide_collected(call: Call, owes: Owes) -> Approval | Refused | Owes:
    """Decide once the debt is collected, the payment and the phone locked before both."""
    pipeline.run(rows.locked(tid=call.tid), pins.locked(device=call.device))
    debts.collect(account_ids=[owes.account_id], at=call.at)
    return _decide(call, collected=True)


def _check_posted(call: Call, word: Word, found: Found, last: Answer) -> None:
    if not isinstance(word.told, Approval) or word.told.state != "APPROVED":
        return
    asked = found.asked or word.asked
    assert asked is not None, "an approval has its card"
    if word.parts is None:
        decisions.check_posted(request=found.request, asked=asked, answer=last, at=call.at)
    else:
        decisions.post(
            request=found.request,
            asked=asked,
            by_card_minor=word.told.remainder_minor,
            parts=word.parts,
            at=call.at,
        )


def _find(call: Call) -> Found:
    """
    Lock and read everything in one round trip; with a plan all but the card, which is later.

    :raises TidUnknown: no terminal has asked under it
    """
    said = bills.read(call.consent.bill)
    request, relay, pin, terms, *about = pipeline.run(
        rows.locked(tid=call.tid),
        bills.question(said, tid=call.tid),
        pins.locked(device=call.device),
        agreements.terms_at(merchant=call.consent.merchant, at=call.at),
        *([] if call.consent.plan else verdicts.questions(call)),
    )
    of = rows.request_of(request)
    if of is None:
        raise TidUnknown
    agreed = [fees.Terms(*row) for row in terms.rows]
    return Found(of, said, relay, pin, issuer.asked(about) if about else None, agreed)


def _refused(call: Call, found: Found) -> Word | None:
    """Return why the request is not to be paid like this, before the PIN code is looked at."""
    request, ended = expiry.ending(found.request, at=call.at)
    if not found.request.is_claimed_by(call.device.pk, at=call.at):
        return Word(TidNotClaimed(), ended)
    if request.is_final:
        return Word(PaymentFinal(state=request.state), ended)
    if request.state == "APPROVING":
        return Word(PaymentApproving(), [])
    refusal = barred(request) or _unlike(call, found, request)
    return None if refusal is None else Word(refusal, [_renewed(call, request)])


def _unlike(call: Call, found: Found, request: Request) -> Refused | None:
    """Return in what the bill, or what the customer saw, is not the request."""
    bill = bills.refusal_of(
        request=request, bill=call.consent.bill, said=found.said, relay=found.relay, at=call.at
    )
    return bill or _changed(call.consent, request)


def _changed(consent: Consent, request: Request) -> Refused | None:
    saw = (consent.merchant, consent.amount_minor, consent.currency)
    is_it = saw == (request.shop.merchant, request.amount_minor, request.currency)
    return None if is_it else PaymentChanged()


def _judged(call: Call, found: Found, *, collected: bool) -> Word:
    """Return what becomes of it by the PIN code, the plan and the issuer's word."""
    request = found.request
    pin = pins.judge(
        held=found.pin,
        device=call.device,
        subject=request.tid,
        card_token=call.consent.card,
        counter=call.consent.counter,
        pin_code=call.consent.pin_code,
        at=call.at,
    )
    if pin.refusal is not None:
        return Word(pin.refusal, [_renewed(call, request), *pin.writes])
    undone = transaction.atomic() if call.consent.plan else nullcontext()
    try:
        with undone:
            return verdicts.reached(call, found, pin.writes, collected=collected)
    except Refused as refusal:  # what the plan had taken is as before
        return Word(refusal, [_renewed(call, request)])


def _renewed(call: Call, request: Request) -> Statement:
    until = claim_until(request, at=call.at)
    return rows.claimed(request, device_id=call.device.pk, until=until)
