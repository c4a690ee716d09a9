"""By which rules customers earn at a merchant, and what each has given."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Count, QuerySet, Sum

from benefits.models import Accrual, Clawback, Definition, Earning
from benefits.rules.earning import NO_REWARD, Earns
from benefits.rules.vocabulary import Kind
from benefits.selectors.campaigns import grantable
from merchants.models import Merchant


class Phase(StrEnum):
    """Where a rule stands at a moment."""

    WAITS = "WAITS"
    RUNS = "RUNS"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a rule gave: for how many payments, points (minor units) or stamps, and what refunds
    took back of it."""

    payments: int
    amount: int
    back: int


def rules_at(*, merchant: str) -> QuerySet[Earning]:
    """Return the rules of a merchant, each with what it gives."""
    return Earning.objects.filter(merchant__reference=merchant).select_related("merchant", "gives")


def earns_of(*, rule: Earning) -> Earns:
    """Return what ``rule`` gives of a payment."""
    return Earns(
        points_bps=rule.points_bps,
        stamps_needed=rule.stamps_needed,
        min_purchase_minor=rule.min_purchase_minor,
    )


def phase_of(*, rule: Earning, at: datetime) -> Phase:
    """Return where ``rule`` stands at ``at``."""
    if rule.ended_at is not None and at >= rule.ended_at:
        return Phase.ENDED
    return Phase.WAITS if at < rule.starts_at else Phase.RUNS


def given_by(*, rule: Earning) -> Given:
    """Return what ``rule`` has given so far."""
    sums = Accrual.objects.filter(earning=rule).aggregate(payments=Count("pk"), sum=Sum("amount"))
    back = Clawback.objects.filter(accrual__earning=rule).aggregate(sum=Sum("amount"))
    return Given(payments=sums["payments"], amount=sums["sum"] or 0, back=back["sum"] or 0)


def earnable_at(*, merchant: Merchant) -> QuerySet[Definition]:
    """Return what rules of ``merchant`` may give: its own campaigns that are out, points first."""
    mine = grantable(owner=merchant.reference).filter(currency=merchant.currency)
    return mine.exclude(kind__in=NO_REWARD - {Kind.POINTS}).order_by("name", "pk")
