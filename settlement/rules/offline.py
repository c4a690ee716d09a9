"""The judgement of one offline record: pure, in the order of protocol §5, the first reason wins.

Times are epoch seconds, amounts minor units, caps and counts inclusive, times half-open.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from settlement.rules import liability
from settlement.rules.facts import (
    CARDHOLDER,
    Bearer,
    Genuine,
    History,
    Liability,
    Sale,
    Seen,
    Taken,
    Weighed,
)
from wallets.wire import OfflineRecord, RecordKind, Verification

_AHEAD_S: Final = 5 * 60
_OLDEST_S: Final = 8 * 24 * 3600
_CLOCKS_APART_S: Final = 5 * 60  # two readers' clocks; more is no clock's fault


class Reason(StrEnum):
    """Why a record was rejected; ``ALREADY_POSTED`` alone stands beside POSTED."""

    UNKNOWN_CARD = "unknown_card"
    CERTIFICATE_UNKNOWN = "certificate_unknown"
    RECORD_SIGNATURE = "record_signature"
    WRONG_READER = "wrong_reader"
    FUTURE_TIME = "future_time"
    TOO_LATE = "too_late"
    DUPLICATE_ATC = "duplicate_atc"
    OVER_PROFILE = "over_profile"
    SALE_UNKNOWN = "sale_unknown"
    SALE_VOIDED = "sale_voided"
    ALREADY_POSTED = "already_posted"


class Gap(NamedTuple):
    """ATCs between the highest one posted and this one: another reader's, or lost."""

    first: int
    last: int


class Verdict(NamedTuple):
    """What becomes of a record. ``reason`` is empty where it simply posts."""

    posted: bool
    reason: str = ""
    liability: Liability = CARDHOLDER
    gap: Gap | None = None
    rollback: bool = False  # its ATC is below that of a sale before it
    sale: Sale | None = None  # a void's
    payment_id: int | None = None  # of the payment that was posted before
    weighed: Weighed | None = None  # a sale's that posts: what the liability was decided by


def prove(taken: Taken) -> Genuine | Reason:
    """Return the record as whose it is stands fast, or the fault that it has of its own."""
    return _fault_of(taken) or _genuine_of(taken)


def judge(proof: Genuine | Reason, history: History) -> Verdict:
    """Return the verdict on one record that :func:`prove` looked at; nothing is changed."""
    if isinstance(proof, Reason):
        return Verdict(posted=False, reason=proof)
    genuine = proof
    seen = history.seen.get(genuine.used_atc)
    if seen is not None:
        return _again(genuine, seen, history)
    if genuine.record.kind is RecordKind.VOID:
        return _judge_void(genuine, history)
    if _over_profile(genuine):
        return Verdict(posted=False, reason=Reason.OVER_PROFILE)
    weighed = liability.weigh(genuine, history)
    return Verdict(
        posted=True,
        liability=weighed.liability,
        gap=_gap(genuine, history),
        rollback=_rolled_back(genuine, history),
        weighed=weighed,
    )


def _fault_of(taken: Taken) -> Reason | None:
    """Return the first reason for which a record is not this card's word to this reader, if any."""
    if taken.record is None:
        return Reason.RECORD_SIGNATURE
    return _unproven(taken) or _elsewhere(taken, taken.record)


def _unproven(taken: Taken) -> Reason | None:
    """Return why no card of ours is known to have signed it, if so."""
    card, credential = taken.card, taken.credential
    if card is None:
        return Reason.UNKNOWN_CARD
    if credential is None or credential.card_id != card.card_id:
        return Reason.CERTIFICATE_UNKNOWN
    return None if taken.genuine else Reason.RECORD_SIGNATURE


def _elsewhere(taken: Taken, record: OfflineRecord) -> Reason | None:
    """Return why it cannot be of this reader and time, if so."""
    reader, at = taken.reader, record.at
    if record.reader != reader.reference:
        return Reason.WRONG_READER
    if at > taken.arrived_at + _AHEAD_S:
        return Reason.FUTURE_TIME
    too_late = at < taken.arrived_at - _OLDEST_S or at < reader.enrolled_at
    return Reason.TOO_LATE if too_late else None


def judge_online(genuine: Genuine, history: History) -> Verdict:
    """
    Return the verdict on a sale brought online: whether its ATC is free for it.

    The profile limits what may be spent without the portal, and the blacklist tells readers what
    the portal knows: here the issuer is asked instead, so neither is looked at.
    """
    seen = history.seen.get(genuine.used_atc)
    if seen is None:
        return Verdict(
            posted=True, gap=_gap(genuine, history), rollback=_rolled_back(genuine, history)
        )
    same = seen.digest == genuine.taken.digest
    return Verdict(
        posted=same,
        reason=Reason.ALREADY_POSTED if same else Reason.DUPLICATE_ATC,
        payment_id=seen.payment_id,
    )


def _genuine_of(taken: Taken) -> Genuine:
    """Return ``taken`` with what a record has that posted, or failed only after its own checks."""
    assert taken.record is not None, "the record could not be read"
    assert taken.card is not None, "the card is unknown"
    assert taken.credential is not None, "the certificate is unknown"
    record, credential = taken.record, taken.credential
    counter = (credential.card_id, credential.phone_id)
    used_atc = (credential.first_id or credential.credential_id, record.atc)
    return Genuine(taken, record, taken.card, credential, counter, used_atc)


def _again(genuine: Genuine, seen: Seen, history: History) -> Verdict:
    """Judge a second record under an ATC: the payload decides, not the envelope.

    Another payload is a clone's: rejected, and the loss is the issuer's unless this shop's reader
    broke its rules.
    """
    if seen.digest == genuine.taken.digest:
        return Verdict(posted=True, reason=Reason.ALREADY_POSTED, payment_id=seen.payment_id)
    borne = liability.weigh(genuine, history).liability
    if borne.bearer is Bearer.CARDHOLDER:
        borne = Liability(Bearer.ISSUER, Reason.DUPLICATE_ATC)
    return Verdict(
        posted=False, reason=Reason.DUPLICATE_ATC, liability=borne, payment_id=seen.payment_id
    )


def _over_profile(genuine: Genuine) -> bool:
    record, profile = genuine.record, genuine.credential.profile
    return (
        record.currency != profile.currency
        or record.amount > profile.per_payment_cap
        or record.uses > profile.upper_uses
        or record.cumulative > profile.cumulative_cap
        or record.at >= genuine.credential.expires
        or record.at >= profile.contact_by
        or (record.verified is Verification.NONE and record.amount > profile.unverified_cap)
    )


def _judge_void(genuine: Genuine, history: History) -> Verdict:
    """Judge a void: it takes back one sale, whole, that this reader made and nothing undid."""
    record = genuine.record
    sale = history.sales.get((genuine.counter, record.voided_atc or 0))
    same = (genuine.taken.reader.device_id, record.amount, record.currency)
    if sale is None or (sale.reader_id, sale.amount_minor, sale.currency) != same:
        return Verdict(posted=False, reason=Reason.SALE_UNKNOWN)
    if sale.voided:
        return Verdict(posted=False, reason=Reason.SALE_VOIDED)
    return Verdict(
        posted=True,
        liability=sale.liability,
        gap=_gap(genuine, history),
        sale=sale,
        payment_id=sale.payment_id,
    )


def _gap(genuine: Genuine, history: History) -> Gap | None:
    newest, atc = history.newest.get(genuine.counter, 0), genuine.record.atc
    return Gap(newest + 1, atc - 1) if atc > newest + 1 else None


def _rolled_back(genuine: Genuine, history: History) -> bool:
    """Return whether the counter ran backwards: a copy of the phone counts from where it was made.

    A batch that is merely late brings low ATCs of earlier taps, and is none.
    """
    latest = history.latest.get(genuine.counter)
    if latest is None or genuine.record.atc >= latest.atc:
        return False
    return genuine.record.at > latest.at + _CLOCKS_APART_S
