"""A tap approved online (protocol §5): judged as its batch record would be, and posted at once."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, NamedTuple

from django.db import IntegrityError, transaction

from config import pipeline, references, repetitions
from config.models import Device
from config.refusals import Refused
from config.repetitions import Call
from config.wire import b64, cose, numbers
from config.wire.errors import WireError
from issuers.models import Card
from issuers.services import authorise as issuer
from issuers.services import blacklist, counters
from issuers.services.authorise import Asked, Declined, DeclineReason
from settlement.models import Payment
from settlement.rules.facts import Genuine, History
from settlement.rules.offline import Reason, Verdict, judge_online, prove
from settlement.rules.sheet import Sheet, draw_up_one
from settlement.services import (
    copying,
    days,
    debts,
    disputes,
    entries,
    evidence,
    exceptions,
    history,
    offline_events,
    offline_money,
)
from wallets.wire import RecordKind


class TapRefused(Refused):
    """The record is not this card's sale at this reader: there is nothing to decide on."""

    code = "record_invalid"
    title = "This is no tap that could be approved"


class TapMalformed(TapRefused):
    code = "record_malformed"
    title = "This is not an offline record"


class TapOfUnknownCard(TapRefused):
    code = "unknown_card"
    title = "The card is unknown"


class TapCertificateUnknown(TapRefused):
    code = "certificate_unknown"
    title = "The certificate is not one of this card's"


class TapSignature(TapRefused):
    code = "record_signature"
    title = "The record is not signed by the certificate's key"


class TapAtAnotherReader(TapRefused):
    code = "wrong_reader"
    title = "The record was made for another reader"


class TapInTheFuture(TapRefused):
    code = "future_time"
    title = "The record is ahead of time"


class TapTooLate(TapRefused):
    code = "too_late"
    title = "The record is too old"


class TapNotASale(TapRefused):
    code = "record_not_a_sale"
    title = "Only a sale is approved online"


class TapVoided(TapRefused):
    """It was approved, and the goods were given back: a yes now would fetch them again."""

    code = "sale_voided"
    title = "The sale of this tap was taken back"


class TapDuplicate(TapRefused):
    code = "duplicate_atc"
    title = "The card's counter was used for another payment"

    def __init__(self, payment_id: int | None) -> None:
        super().__init__()
        self.payment_id = payment_id  # what stands under the ATC


_REFUSALS: Final[dict[Reason, type[TapRefused]]] = {
    Reason.UNKNOWN_CARD: TapOfUnknownCard,
    Reason.CERTIFICATE_UNKNOWN: TapCertificateUnknown,
    Reason.RECORD_SIGNATURE: TapSignature,
    Reason.WRONG_READER: TapAtAnotherReader,
    Reason.FUTURE_TIME: TapInTheFuture,
    Reason.TOO_LATE: TapTooLate,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The issuer's word on a tap, as the reader is told."""

    state: str  # APPROVED or DECLINED
    approval_code: str = ""
    decline_reason: str = ""


def authorise(
    *,
    device: Device,
    record: bytes,
    certificate: bytes,
    at: datetime,
    clock: Callable[[], float] = monotonic,
) -> Answer:
    """
    Ask the issuer about the tap that ``device`` took, and post it if the answer is yes.

    ``record`` and ``certificate``: COSE_Sign1 bytes as the phone gave them. The same tap again
    hears the same answer and changes nothing, but for a yes whose sale was voided since, which is
    none any more; its record in a later batch posts nothing. What the
    card's account owes is collected first; another payload under a used ATC is disputed, which
    lists the card. An approval resets the phone's counters by the next command. ``at``: when the
    request came; ``clock``: seconds that only rise, by which the payment keeps when it was decided
    on.

    :raises TapRefused: the record is not this card's sale at this reader, its ATC is used, or its
        sale was voided
    """
    began = clock()

    def decided() -> datetime:
        return at + timedelta(seconds=clock() - began)

    genuine = _open(device, record, certificate, at)
    debts.collect(account_ids=[genuine.card.account_id], at=at)
    try:
        return _answer_once(genuine, at, decided)
    except TapDuplicate as refusal:
        disputes.open_tap(genuine=genuine, record=record, payment_id=refusal.payment_id, at=at)
        raise


def _answer_once(genuine: Genuine, at: datetime, decided: Callable[[], datetime]) -> Answer:
    try:
        return _answer(genuine, at, decided)
    except IntegrityError:
        return _answer(genuine, at, decided)  # a batch took the ATC meanwhile: now history shows it


def _open(device: Device, record: bytes, certificate: bytes, at: datetime) -> Genuine:
    """Return the sale, verified with nothing locked."""
    code = numbers.online_approval_code(secrets.token_bytes(numbers.RANDOM_BYTES))
    tap = evidence.of_tap(device=device, record=record, approval_code=code, at=at)
    taken = tap.taken
    if taken.record is None:
        raise TapMalformed
    proof = prove(taken)
    if isinstance(proof, Reason):
        raise _REFUSALS[proof]
    if not _is_the_certificate(tap.certificate, certificate):
        raise TapCertificateUnknown
    if taken.record.kind is not RecordKind.SALE:
        raise TapNotASale
    return proof


def _is_the_certificate(kept: bytes, certificate: bytes) -> bool:
    """Return whether the bytes state what the portal once signed for this card on this phone."""
    try:
        return cose.parse(certificate).payload == cose.parse(kept).payload
    except WireError:
        return False


@transaction.atomic
def _answer(genuine: Genuine, at: datetime, decided: Callable[[], datetime]) -> Answer:
    # Not FOR SHARE, as the issuer's decision would do: the reset raises the card's version, and
    # two taps that share the row would each wait for the other.
    card = Card.objects.select_for_update(no_key=True).get(pk=genuine.card.card_id)
    past = history.load_counters([genuine])
    verdict = judge_online(genuine, past)
    if verdict.reason == Reason.ALREADY_POSTED:
        _note_again(genuine, at)
        return _said_before(verdict)
    if not verdict.posted:
        raise TapDuplicate(verdict.payment_id)
    known = _ask_what_is_known(genuine)
    word = known.declined
    if word is None:
        sheet = _draw_up(genuine, verdict, past, known)
        word = _post(sheet, genuine, card, known, at)
        if word is None:
            _keep_decided(sheet, decided())
    else:
        _note_again(genuine, at)
    if isinstance(word, Declined):
        return Answer(state="DECLINED", decline_reason=word.reason.value)
    return Answer(state="APPROVED", approval_code=genuine.taken.approval_code)


class _Known(NamedTuple):
    """What the portal knows of a fresh tap under its card's lock, beside what was posted."""

    declined: Declined | None  # the issuer's no, if it was said before
    is_listed: bool
    uses: int  # what resets on the way take off, and so for minor units
    amount_minor: int
    payment_id: int  # a fresh one


def _ask_what_is_known(genuine: Genuine) -> _Known:
    """Ask in one round trip: whoever lists the card or queues a reset waits for our lock."""
    record, credential = genuine.record, genuine.credential
    declined, listed, sent, ids = pipeline.run(
        issuer.declined_before(document=_document(genuine)),
        blacklist.is_listed(issuer_id=genuine.card.issuer_id, number=credential.list_number),
        counters.sent_since(
            card_id=credential.card_id, phone_id=credential.phone_id, version=record.ota_version
        ),
        copying.reserving(model=Payment, count=1),
    )
    (payment_id,) = copying.reserved(ids)
    return _Known(
        issuer.declined(declined), listed.row == (True,), *counters.on_the_way(sent), payment_id
    )


def _note_again(genuine: Genuine, at: datetime) -> None:
    reader = genuine.taken.reader.reference
    repetitions.note(subject=_document(genuine), call=Call.TAP, device=reader, at=at)


def _said_before(verdict: Verdict) -> Answer:
    assert verdict.payment_id is not None, "a sale's ATC stands with its payment"
    told = Payment.objects.values_list("state", "approval_code")
    state, code = told.get(pk=verdict.payment_id)
    if _is_voided(state):
        raise TapVoided
    return Answer(state="APPROVED", approval_code=code)


def _is_voided(state: str) -> bool:
    return state == Payment.State.REVERSED


def _document(genuine: Genuine) -> str:
    """Return what the issuer knows the tap by: its payload, whatever envelope it comes in."""
    return b64.encode(genuine.taken.digest)


def _keep_decided(sheet: Sheet, decided: datetime) -> None:
    ((_genuine, sale),) = sheet.sales
    Payment.objects.filter(pk=sale.payment_id).update(decided_at=decided)


def _post(
    sheet: Sheet, genuine: Genuine, card: Card, known: _Known, at: datetime
) -> Declined | None:
    """Post the sale unless the issuer says no, which is kept instead.

    The ATC is taken before the account, as postings of batches do; a no gives it back.
    """
    with transaction.atomic():
        asked = _take_atc(sheet, genuine, card, at)
        word = _decide(genuine, asked, known)
        if word is None:
            _take_money(sheet, genuine, asked, at)
            _write(sheet, at)
            _reset_counters(genuine, card, known, at)
        else:
            transaction.set_rollback(True)
    if word is not None:
        issuer.keep_decline(
            card=card,
            document=_document(genuine),
            amount_minor=genuine.record.amount,
            currency=genuine.record.currency,
            reason=word.reason,
            at=at,
            phone_id=genuine.credential.phone_id,
        )
    return word


def _draw_up(genuine: Genuine, verdict: Verdict, past: History, known: _Known) -> Sheet:
    fresh = (known.payment_id, references.new("PAY"))
    return draw_up_one(genuine=genuine, verdict=verdict, history=past, fresh=fresh)


def _take_atc(sheet: Sheet, genuine: Genuine, card: Card, at: datetime) -> Asked:
    """Write the payment, take its ATC, and ask the issuer, which locks the account."""
    phone_id = genuine.credential.phone_id
    questions = issuer.questions(token=bytes(card.token), phone_id=phone_id, at=at)
    answers = pipeline.run(*entries.inserting(sheet, at=at), *questions)
    asked = issuer.asked(answers[-issuer.QUESTIONS :])
    assert asked is not None, "a card's row stays"
    return asked


def _decide(genuine: Genuine, asked: Asked, known: _Known) -> Declined | None:
    """Return the issuer's no."""
    record, credential = genuine.record, genuine.credential
    if record.at >= credential.expires:
        return Declined(reason=DeclineReason.ISSUER_REFUSED)
    if known.is_listed:
        return Declined(reason=DeclineReason.CARD_BLOCKED)
    word = issuer.decide(asked=asked, amount_minor=record.amount, currency=record.currency)
    return word if isinstance(word, Declined) else None


def _take_money(sheet: Sheet, genuine: Genuine, asked: Asked, at: datetime) -> None:
    """Take the amount from the account, keep the approval, and post the transfer."""
    taking = issuer.taking(
        asked=asked,
        document=_document(genuine),
        amount_minor=genuine.record.amount,
        currency=genuine.record.currency,
        at=at,
        phone_id=genuine.credential.phone_id,
    )
    *_taken, posted = pipeline.run(*taking, offline_money.posting_taken(sheet, at=at))
    offline_money.check_posted(sheet, answer=posted, at=at)


def _write(sheet: Sheet, at: datetime) -> None:
    """Write the rest in the house's lock order: queues, days, events."""
    exceptions.open_for(sheet, at=at)
    exceptions.close_filled(sheet, at=at)
    pipeline.run(days.adding(sheet), *offline_events.writing_payments(sheet=sheet, at=at))


def _reset_counters(genuine: Genuine, card: Card, known: _Known, at: datetime) -> None:
    """Give the phone back all it counted up to this tap, which the portal now knows of.

    What it counted and the portal has no record of yet, posted or declined, stays reserved.
    """
    record, credential = genuine.record, genuine.credential
    declined_minor = issuer.declined_since_approval(
        card=card, phone_id=credential.phone_id, document=_document(genuine)
    )
    counters.reset(
        credential_id=credential.credential_id,
        up_to_atc=record.atc,
        uses=max(0, record.uses - known.uses),
        amount_minor=max(0, record.cumulative - known.amount_minor),
        known_minor=record.amount + declined_minor,
        at=at,
    )
