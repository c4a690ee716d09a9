"""A till presents a number: which plan it is, and whether the payment number fits it."""

from datetime import datetime
from typing import Final, NamedTuple

from django.db import transaction

from benefits.models import Plan, Redemption
from benefits.services import lookups
from benefits.services.plans.numbers import keyed_hash
from config import pipeline, rows
from config.models import Device
from config.pipeline import Answer, Statement
from config.refusals import NotFound, Refused
from config.wire import numbers
from config.wire.errors import Malformed
from config.wire.numbers import Number, NumberKind
from issuers.models import Card
from merchants.models import Equipment, Merchant
from merchants.selectors import places
from wallets.services import pins


class NumberMalformed(Refused):
    code = "number_malformed"
    title = "This is not a number of a plan"


class TsnUnknown(Refused):
    code = "tsn_unknown"
    status = 404
    title = "There is no such number"


class TsnExpired(Refused):
    code = "tsn_expired"
    title = "This number's time is over"


class TsnCancelled(Refused):
    code = "tsn_cancelled"
    title = "This number was cancelled"


class TsnUsed(Refused):
    code = "tsn_used"
    status = 409
    title = "This number was used, or is at another till"


class CardRequired(Refused):
    code = "card_required"
    title = "This plan names no card to pay with"


class PsnInvalid(Refused):
    code = "psn_invalid"
    title = "The payment number does not fit"


class PsnExpired(Refused):
    code = "psn_expired"
    title = "The payment number's time is over"


class PsnUsed(Refused):
    code = "psn_used"
    status = 409
    title = "The payment number was used"


class Presented(NamedTuple):
    """What a till presented: the plan, its number in clear, and the payment number if any.

    ``place``: where the till stands; the plan's card comes along with a payment number alone.
    """

    plan: Plan
    tsn: str
    psn: str | None
    place: Equipment


def look_up(*, number: str, device: Device, at: datetime) -> Presented:
    """
    Return the plan of a number scanned or typed at terminal ``device``, good at ``at``.

    Nothing is locked by it: who takes the plan reads it again. An unknown number counts against the
    terminal, and the count stays though this refuses.

    :raises NumberMalformed: none of a plan's forms, or a wrong check digit; counts nowhere
    :raises LookupLocked: ten wrong numbers in 30 minutes
    :raises TsnUnknown: there is no such number
    :raises TsnExpired, TsnCancelled, TsnUsed: it is no longer good, or at another till
    """
    parsed = _parsed(number)
    # What is refused is raised when nothing runs in here any more: a count goes with no savepoint.
    with transaction.atomic(savepoint=False):
        _turn, recent, found, place = pipeline.run(
            *lookups.asking(device=device, at=at),
            Statement(_BY_NUMBER, [keyed_hash(parsed.value)]),
            places.asked(device_id=device.pk),
        )
        refusal: Refused | None = lookups.refusal_of(recent=recent, at=at)
        if refusal is None and found.row is None:
            lookups.count_wrong(device=device, at=at)
            refusal = TsnUnknown()
    if refusal is not None:
        raise refusal
    plan = _made(found, with_card=parsed.psn is not None)
    refusal = refusal_of(plan=plan, at=at)
    if refusal is not None:
        raise refusal
    return Presented(plan, parsed.value, parsed.psn, places.found(place))


def own(*, device: Device, reference: str, at: datetime) -> Plan:
    """
    Return the plan that phone ``device`` names for a payment of its own, good at ``at``.

    Nothing is locked by it: who takes the plan reads it again.

    :raises NotFound: there is no such plan, or another phone made it
    :raises TsnExpired, TsnCancelled, TsnUsed: it is no longer good, or at a till
    """
    mine = Plan.objects.select_related("device")
    plan = mine.filter(reference=reference, device=device).first()
    if plan is None:
        raise NotFound
    refusal = refusal_of(plan=plan, at=at)
    if refusal is not None:
        raise refusal
    return plan


def documents_of(*, tsn: str) -> list[str]:
    """Return the references of the checkouts and payments that took the plan of this number.

    By its keyed hash, whatever became of it. For who looks for a payment: nobody's rights are asked
    here, and nothing counts against a terminal.
    """
    found = Redemption.objects.filter(plan__tsn_hash=keyed_hash(tsn))
    return list(found.values_list("document", flat=True))


def refusal_of(*, plan: Plan, at: datetime) -> Refused | None:
    """Return why the plan's number is not good at ``at``, None if it is; ``plan`` brings its
    device, and what a revoked phone planned is as cancelled."""
    if plan.device.state == Device.State.REVOKED:
        return TsnCancelled()
    if plan.state == Plan.State.ISSUED and at >= plan.expires_at:
        return TsnExpired()
    refusal = _BY_STATE[Plan.State(plan.state)]
    return None if refusal is None else refusal()


def judge_psn(*, presented: Presented, device: Device, at: datetime) -> Refused | None:
    """
    Accept the payment number of ``presented`` once, or return why not; the caller commits either
    way, so that what was counted stays.

    Locks the phone's counter, then the plan. A wrong one burns the TSN and counts against terminal
    ``device``; the phone's own failures stay as they are.
    """
    assert presented.psn is not None, "there is a payment number to judge"
    (held,) = pipeline.run(pins.locked(device=presented.plan.device))
    locked = Plan.objects.select_for_update(no_key=True, of=("self",)).select_related("device")
    plan = locked.get(pk=presented.plan.pk)
    refusal = refusal_of(plan=plan, at=at) or _psn_refusal(plan, at)
    if refusal is not None:
        return refusal
    assert presented.plan.card is not None, "a plan without one was refused"
    word = pins.judge_unnumbered(
        held=held,
        device=presented.plan.device,
        subject=presented.tsn,
        card_token=bytes(presented.plan.card.token),
        pin_code=presented.psn,
    )
    pipeline.run(*word.writes)
    if word.refusal is None:
        Plan.objects.filter(pk=plan.pk).update(psn_used_at=at)
        presented.plan.psn_used_at = at
        return None
    if isinstance(word.refusal, pins.PinCodeInvalid):
        _burn(plan, device, at)
    return PsnInvalid()


def needs_consent(*, plan: Plan, amount_minor: int, merchant: Merchant) -> bool:
    """Return whether a purchase is more than the plan's PSN may pay, or elsewhere."""
    if plan.max_amount_minor is None:
        return False
    elsewhere = plan.merchant_id is not None and plan.merchant_id != merchant.pk
    return elsewhere or amount_minor > plan.max_amount_minor


def _made(found: Answer, *, with_card: bool) -> Plan:
    """Return the plan of a row with its device, and the card that is to pay with what it is of."""
    assert found.row is not None, "the caller has looked"
    plan, device = rows.instances(found.row, Plan, Device)
    plan.device = device
    if with_card and plan.card_id is not None:
        plan.card = Card.objects.select_related("issuer", "programme").get(pk=plan.card_id)
    made: Plan = plan
    return made


def _parsed(number: str) -> Number:
    try:
        parsed = numbers.parse(number)
    except Malformed:
        raise NumberMalformed from None
    if parsed.kind not in {NumberKind.TSN, NumberKind.TSN_PSN}:
        raise NumberMalformed
    return parsed


def _psn_refusal(plan: Plan, at: datetime) -> Refused | None:
    if plan.card_id is None or plan.psn_expires_at is None:
        return CardRequired()
    if plan.psn_used_at is not None:
        return PsnUsed()
    return PsnExpired() if at >= plan.psn_expires_at else None


def _burn(plan: Plan, device: Device, at: datetime) -> None:
    plan.transition(Plan.State.CANCELLED, ending=Plan.Ending.WRONG_PSN, ended_at=at)
    lookups.count_wrong(device=device, at=at)


_BY_STATE: Final[dict[Plan.State, type[Refused] | None]] = {
    Plan.State.ISSUED: None,
    Plan.State.LOCKED: TsnUsed,
    Plan.State.CONSUMED: TsnUsed,
    Plan.State.EXPIRED: TsnExpired,
    Plan.State.CANCELLED: TsnCancelled,
}

_BY_NUMBER: Final = f"""
SELECT {rows.columns(Plan, "p")}, {rows.columns(Device, "d")}
  FROM benefits_plan p JOIN config_device d ON d.id = p.device_id WHERE p.tsn_hash = %s
"""  # noqa: S608  (column names of these models, never input)
