"""What benefits did for a payment: plan, checkout, locks, what came back, what was earned."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from benefits.models import Accrual, Clawback, Lock, Plan, Redemption, Restoration
from settlement.models import Checkout, Payment

_WITH_PLANS: Final = frozenset({Payment.Channel.SMART, Payment.Channel.TID, Payment.Channel.RELAY})


class BenefitStep(StrEnum):
    """What happened; :mod:`settlement.portal.traces` has the words."""

    PLAN_MADE = "PLAN_MADE"
    PSN_TAKEN = "PSN_TAKEN"
    CHECKOUT_OPENED = "CHECKOUT_OPENED"
    CHECKOUT_ENDED = "CHECKOUT_ENDED"
    BENEFIT_HELD = "BENEFIT_HELD"
    BENEFITS_USED = "BENEFITS_USED"
    BENEFITS_RELEASED = "BENEFITS_RELEASED"
    BENEFITS_BACK = "BENEFITS_BACK"
    EARNED = "EARNED"
    TAKEN_BACK = "TAKEN_BACK"


class Said(NamedTuple):
    """One step with the figures of its words, amounts in minor units of the payment."""

    at: datetime
    step: BenefitStep
    facts: Mapping[str, Any]


def of(*, payment: Payment) -> Iterator[Said]:
    """Yield the steps in no order; a number is nowhere among them."""
    if payment.channel == Payment.Channel.SMART:
        yield from _checkout(payment)
    if payment.channel not in _WITH_PLANS:
        yield from _earned(payment)
        return
    used = Redemption.objects.filter(document=payment.reference).select_related("plan").first()
    if used is not None:
        yield from _plan(used.plan)
        yield from _redemption(used)
    yield from _earned(payment)


def _plan(plan: Plan) -> Iterator[Said]:
    count = plan.selections.count()
    yield Said(plan.made_at, BenefitStep.PLAN_MADE, {"plan": plan.reference, "count": count})
    if plan.psn_used_at is not None:
        yield Said(plan.psn_used_at, BenefitStep.PSN_TAKEN, {})


def _checkout(payment: Payment) -> Iterator[Said]:
    rows = Checkout.objects.filter(reference=payment.reference).select_related("device")
    for row in rows.defer("tsn"):
        facts: dict[str, Any] = {
            "terminal": row.device.name,
            "state": row.state,
            "tender": row.tender,
            "amount_minor": row.amount_minor,
            "remainder_minor": row.remainder_minor,
        }
        yield Said(row.opened_at, BenefitStep.CHECKOUT_OPENED, facts)
        if row.ended_at is not None:
            yield Said(row.ended_at, BenefitStep.CHECKOUT_ENDED, facts)


def _redemption(used: Redemption) -> Iterator[Said]:
    for line in Lock.objects.filter(redemption=used).select_related("holding").order_by("turn"):
        facts = {"kind": line.holding.kind, "amount_minor": line.amount_minor}
        yield Said(used.taken_at, BenefitStep.BENEFIT_HELD, facts)
    if used.ended_at is not None:
        taken_minor = used.purchase_minor - used.remainder_minor
        committed = used.state == Redemption.State.COMMITTED
        step = BenefitStep.BENEFITS_USED if committed else BenefitStep.BENEFITS_RELEASED
        yield Said(used.ended_at, step, {"amount_minor": taken_minor})
    for back in Restoration.objects.filter(redemption=used).order_by("pk"):
        facts = {"amount_minor": back.amount_minor - back.tender_minor}
        yield Said(back.at, BenefitStep.BENEFITS_BACK, facts)


def _earned(payment: Payment) -> Iterator[Said]:
    rows = Accrual.objects.filter(document=payment.reference).select_related("earning")
    given = list(rows.order_by("pk"))
    for row in given:
        points = row.earning.points_bps is not None
        yield Said(row.given_at, BenefitStep.EARNED, {"amount": row.amount, "points": points})
    if not given:
        return
    taken = Clawback.objects.filter(accrual__in=given)
    for back in taken.select_related("accrual__earning").order_by("pk"):
        points = back.accrual.earning.points_bps is not None
        facts = {"amount": back.amount, "short": back.short, "points": points}
        yield Said(back.at, BenefitStep.TAKEN_BACK, facts)
