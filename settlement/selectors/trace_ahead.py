"""What lies in front of a payment that was approved beforehand: the approval, and each machine."""

from collections.abc import Iterator
from enum import StrEnum

from issuers.models import Hold
from settlement.models import Payment, Preapproval, Redemption, RedemptionTry
from settlement.selectors.traced import Audience, Traced


class AheadStep(StrEnum):
    """What happened; :mod:`settlement.portal.traces_ahead` has the words."""

    APPROVED_AHEAD = "APPROVED_AHEAD"
    SET_ASIDE = "SET_ASIDE"
    CAPTURED = "CAPTURED"
    WRONG_TRY = "WRONG_TRY"
    NUMBER_TAKEN = "NUMBER_TAKEN"
    SUSPENDED = "SUSPENDED"
    RESOLVED = "RESOLVED"
    PAID_OUT = "PAID_OUT"


def of(*, payment: Payment) -> Iterator[Traced]:
    """
    Yield the steps in no order; the number is nowhere among them.

    The machine's shop is told what its own machine did, the issuer all of it.
    """
    own = Redemption.objects.filter(payment=payment).select_related("preapproval__device").first()
    if own is None:
        return
    yield from _approved(own.preapproval)
    for one in own.preapproval.redemptions.select_related("device").order_by("pk"):
        yield from _at_machine(one, Audience.ALL if one.pk == own.pk else Audience.ISSUER)


def _approved(made: Preapproval) -> Iterator[Traced]:
    facts = {
        "preapproval": made.reference,
        "kind": made.kind,
        "amount_minor": made.amount_minor,
        "phone": made.device.name,
        "valid_until": made.valid_until,
    }
    audience = Audience.ISSUER
    yield Traced(at=made.made_at, step=AheadStep.APPROVED_AHEAD, audience=audience, facts=facts)
    for hold in Hold.objects.filter(document=made.reference):
        held = {"amount_minor": hold.amount_minor, "taken_minor": made.dispensed_minor or 0}
        yield Traced(at=hold.held_at, step=AheadStep.SET_ASIDE, audience=audience, facts=held)
        if hold.ended_at is not None:
            yield Traced(at=hold.ended_at, step=AheadStep.CAPTURED, audience=audience, facts=held)
    for wrong in RedemptionTry.objects.filter(preapproval=made).select_related("device"):
        tried = {"machine": wrong.device.name, "reason": wrong.reason}
        yield Traced(at=wrong.at, step=AheadStep.WRONG_TRY, audience=audience, facts=tried)


def _at_machine(one: Redemption, audience: Audience) -> Iterator[Traced]:
    facts = {
        "redemption": one.reference,
        "kind": one.kind,
        "machine": one.device.name,
        "amount_minor": one.amount_minor,
        "outcome": one.outcome,
        "dispensed_minor": one.dispensed_minor,
        "item_serial": one.item_serial,
        "resolution": one.resolution,
    }
    yield Traced(at=one.begun_at, step=AheadStep.NUMBER_TAKEN, audience=audience, facts=facts)
    if one.suspended_at is not None:
        yield Traced(at=one.suspended_at, step=AheadStep.SUSPENDED, audience=audience, facts=facts)
    if one.ended_at is not None:
        step = AheadStep.RESOLVED if one.resolution else AheadStep.PAID_OUT
        yield Traced(at=one.ended_at, step=step, audience=audience, facts=facts)
