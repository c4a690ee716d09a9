"""Redemptions at the portal's own ATMs: each act is that of the machine it plays (protocol §7)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from django.db import transaction

from config import audit, devices
from config.audit import Actor
from config.refusals import NotFound, Refused
from merchants.models import AtmTurn, Merchant, VirtualAtm
from merchants.services import atms
from settlement.models import Preapproval, Redemption
from settlement.rules.redeeming import NOTE_MIX, Report
from settlement.services import redemptions
from settlement.services.redemptions.beginning import Asked, hashed_key

State = Redemption.State


class Motion(StrEnum):
    """What becomes of the notes or the ticket: the demo's machine does what it is told."""

    FULL = "full"
    PARTIAL = "partial"  # the last note stays in the throat
    NONE = "none"
    UNKNOWN = "unknown"  # power is cut while it moves


class MotionImpossible(Refused):
    code = "motion_impossible"
    status = 409
    title = "That cannot happen with this amount"


class Wish(NamedTuple):
    """What a customer keys: ``number`` typed or scanned, ``kind`` CASH, GIFT or LOTTERY.

    ``key``: random, of the page; the same again is the same customer. ``amount_minor``: None where
    the number tells it.
    """

    key: str
    number: str
    kind: str
    amount_minor: int | None
    pickup_code: str


def begin(*, merchant: Merchant, store: str, wish: Wish, actor: Actor, at: datetime) -> Redemption:
    """
    Present a number at the ATM of ``store`` (its reference); a wish that came before: the same.

    The turn is committed before the number is asked about, so whatever is lost between the two, a
    second click or another customer finds it.

    :raises NotFound: the merchant has no such store in use
    :raises AtmOutOfService, MerchantSuspended: as :func:`atms.at_store`
    :raises AtmBusy, AtmInDoubt, NoteMixImpossible: as :func:`atms.take_turn`; nothing was asked
    :raises Refused: as :func:`redemptions.begin`
    """
    atm = atms.at_store(merchant=merchant, store=store, actor=actor, at=at)
    devices.seen(device=atm.device, at=at)
    _let_go(atm, at)
    is_cash = wish.kind == Preapproval.Kind.CASH
    turn = atms.take_turn(
        atm=atm,
        key=wish.key,
        cash_minor=(wish.amount_minor or 0) if is_cash else None,
        actor=actor,
        at=at,
    )
    known = _known(atm, turn)
    if known is not None:
        return known
    try:
        begun = redemptions.begin(device=atm.device, asked=_asked(wish, merchant), at=at)
    except Refused:
        atms.end(turn=turn, at=at)
        raise
    atms.serves(turn=turn, redemption=begun.reference)
    return begun


def _known(atm: VirtualAtm, turn: AtmTurn) -> Redemption | None:
    """Return what a turn is about already, also where only the note of it was lost."""
    asked = Redemption.objects.filter(device=atm.device, request_key=hashed_key(turn.key))
    found = asked.first()
    if found is not None and not turn.redemption:
        atms.serves(turn=turn, redemption=found.reference)
    return found


def _let_go(atm: VirtualAtm, at: datetime) -> None:
    """End the turn whose redemption the desk has decided: nothing is to be moved for it."""
    turn = atm.turns.filter(ended_at=None).exclude(redemption="").first()
    if turn is not None:
        ended = Redemption.objects.filter(reference=turn.redemption)
        if ended.exclude(state__in=Redemption.OPEN).exists():
            atms.end(turn=turn, at=at)


def _asked(wish: Wish, merchant: Merchant) -> Asked:
    """Return what the machine asks; its notes pay its own currency alone, keyed or not."""
    says_currency = wish.kind == Preapproval.Kind.CASH or wish.amount_minor is not None
    return Asked(
        number=wish.number,
        kind=wish.kind,
        amount_minor=wish.amount_minor,
        currency=merchant.currency if says_currency else "",
        pickup_code=wish.pickup_code,
        key=wish.key,
    )


@transaction.atomic
def move(
    *, merchant: Merchant, reference: str, motion: Motion, actor: Actor, at: datetime
) -> Redemption:
    """
    Set notes or ticket of a redemption in motion and report what came out; again, nothing moves.

    Where no notes pay the amount, that is reported and nothing moves: the number stays good. A turn
    that somebody else's click has ended meanwhile still has its notes to come.

    :raises NotFound: no ATM of the merchant has that redemption
    :raises MotionImpossible: one note, or a ticket, does not come out in part
    """
    turn = _turn(merchant, reference)
    atm = atms.locked().get(pk=turn.atm_id)
    held = redemptions.seen_by_terminal(device=atm.device, reference=reference)
    if held.outcome or held.state not in Redemption.OPEN:  # the machine has reported
        atms.end(turn=turn, at=at)
        return held
    if held.kind == Preapproval.Kind.CASH:
        notes = atms.mix(atm=atm, amount_minor=held.amount_minor) or {}
        report = _cash(held, notes, motion)
        _settle_notes(atm, notes, motion)
    else:
        report = _ticket(held, motion)
    done = redemptions.complete(device=atm.device, reference=reference, report=report, at=at)
    atms.end(turn=turn, at=at)
    _record(done, motion, actor, at)
    return done


def seen(*, merchant: Merchant, reference: str) -> Redemption:
    """Return a redemption at one of the merchant's virtual ATMs as it stands.

    :raises NotFound: no ATM of the merchant has that redemption
    """
    turn = _turn(merchant, reference)
    return redemptions.seen_by_terminal(device=turn.atm.device, reference=reference)


def _turn(merchant: Merchant, reference: str) -> AtmTurn:
    rows = AtmTurn.objects.select_related("atm__device", "atm__store")
    found = rows.filter(redemption=reference, atm__store__merchant=merchant).first()
    if found is None or not reference:
        raise NotFound
    return found


def _cash(held: Redemption, notes: Mapping[int, int], motion: Motion) -> Report:
    if not notes:
        return Report("NONE", journal=NOTE_MIX)
    fed = f"feeding {_line(notes)}"
    if motion is Motion.UNKNOWN:
        return Report("UNKNOWN", journal=f"{fed}; power cut; count unknown")
    if motion is Motion.FULL:
        return Report("FULL", held.amount_minor, journal=f"{fed}; all out")
    if motion is Motion.NONE:
        return Report("NONE", 0, journal=f"{fed}; jam; nothing out")
    stuck = min(notes)
    if held.amount_minor == stuck:
        raise MotionImpossible
    out_minor = held.amount_minor - stuck
    return Report("PARTIAL", out_minor, journal=f"{fed}; 1x{stuck} stuck; {out_minor} out")


def _settle_notes(atm: VirtualAtm, notes: Mapping[int, int], motion: Motion) -> None:
    if motion is Motion.NONE:
        return  # retracted into the cassettes
    stuck = min(notes, default=0)
    back = {stuck: 1} if motion is Motion.PARTIAL else {}
    atms.take_out(atm=atm, notes={n: count - back.get(n, 0) for n, count in notes.items()})
    if motion is Motion.UNKNOWN and notes:
        atms.doubt(atm=atm)


_SPOILT: Final = "printing; ticket spoilt"


def _ticket(held: Redemption, motion: Motion) -> Report:
    match motion:
        case Motion.FULL:
            return Report("FULL", held.amount_minor, journal="printing; ticket out")
        case Motion.NONE:
            return Report("NONE", 0, journal=_SPOILT)
        case Motion.UNKNOWN:
            return Report("UNKNOWN", journal="printing; power cut; ticket unknown")
    raise MotionImpossible


def _line(notes: Mapping[int, int]) -> str:
    """Return notes in a journal's words: ``2x50000 1x10000``, minor units."""
    return " ".join(f"{count}x{note}" for note, count in sorted(notes.items(), reverse=True))


def _record(done: Redemption, motion: Motion, actor: Actor, at: datetime) -> None:
    audit.record(
        actor=actor,
        action="atm.move",
        subject_kind="redemption",
        subject=done.reference,
        tenant=done.merchant.reference,
        at=at,
        after={"motion": motion.value, "state": done.state},
    )
