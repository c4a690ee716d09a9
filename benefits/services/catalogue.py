"""Definitions of benefits: drafted, published, paused, ended."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from benefits.models import BudgetSlot, CostShare, Definition, Sponsor
from benefits.rules.split import in_parts
from benefits.rules.vocabulary import BALANCES, WHOLE_BPS, Benefit, Kind
from config import audit, money, references
from config.audit import Actor
from config.refusals import Refused

SLOTS: Final = 16  # so many take from one budget without waiting for one another


class SharesNotWhole(Refused):
    code = "shares_not_whole"
    title = "The sponsors' shares do not make the whole"


class WindowInvalid(Refused):
    code = "window_invalid"
    title = "It ends before it begins"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a benefit is; amounts in minor units of ``currency``, an empty list is no condition.

    ``uses_each``: by one grant; ``uses_in_all`` and ``budget_minor``: over all, None for no end.
    The budget of points and gift cards is taken when they are granted, of others at the till.
    """

    name: str
    kind: Kind
    currency: str
    percent_bps: int | None = None
    amount_minor: int | None = None
    merchants: Sequence[str] = ()
    stores: Sequence[str] = ()
    skus: Sequence[str] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    valid_days: int | None = None
    min_purchase_minor: int = 0
    cap_minor: int | None = None
    units_most: int | None = None
    min_spend_minor: int = 0
    step_minor: int = 1
    stack_group: str = ""
    excluded_definitions: Sequence[str] = ()
    excluded_groups: Sequence[str] = ()
    excluded_kinds: Sequence[str] = ()
    priority: int = 0
    issuers: Sequence[str] = ()
    programmes: Sequence[str] = ()
    uses_each: int | None = 1
    uses_in_all: int | None = None
    budget_minor: int | None = None
    grace_days: int = 7

    def check(self) -> None:
        """Refuse terms that make no benefit.

        :raises BenefitMalformed: worth neither a share nor an amount, or a limit below zero
        :raises WindowInvalid: it ends before it begins
        :raises UnknownCurrency: the currency is not in ISO 4217
        """
        money.exponent(self.currency)
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise WindowInvalid
        Benefit(
            benefit="",
            definition="",
            kind=self.kind,
            currency=self.currency,
            percent_bps=self.percent_bps,
            amount_minor=0 if self.kind in BALANCES else self.amount_minor,
            min_purchase_minor=self.min_purchase_minor,
            cap_minor=self.cap_minor,
            units_most=self.units_most,
            min_spend_minor=self.min_spend_minor,
            step_minor=self.step_minor,
        )


@transaction.atomic
def draft(
    *, terms: Terms, shares: Sequence[tuple[Sponsor, int]], actor: Actor, at: datetime
) -> Definition:
    """Write a definition down; nobody holds it yet. ``shares``: sponsors and what each bears, bps.

    :raises SharesNotWhole: the shares do not add up to 10,000
    :raises BenefitMalformed, WindowInvalid, UnknownCurrency: as :meth:`Terms.check`
    """
    terms.check()
    if sum(bps for _sponsor, bps in shares) != WHOLE_BPS:
        raise SharesNotWhole
    definition = Definition.objects.create(
        reference=references.new("DEF"), created_at=at, **columns(terms=terms)
    )
    CostShare.objects.bulk_create(
        CostShare(definition=definition, sponsor=sponsor, bps=bps) for sponsor, bps in shares
    )
    record(
        definition=definition,
        act="draft",
        actor=actor,
        at=at,
        after={"kind": terms.kind, "name": terms.name},
    )
    return definition


@transaction.atomic
def publish(*, definition: Definition, actor: Actor, at: datetime) -> Definition:
    """Put a draft out, or a paused one back: from now on it can be granted and used.

    :raises InvalidTransition: it has ended, or is out already
    """
    first = definition.published_at is None
    definition.transition(Definition.State.PUBLISHED, **({"published_at": at} if first else {}))
    if first:
        _cut_budget(definition)
    record(definition=definition, act="publish", actor=actor, at=at)
    return definition


@transaction.atomic
def pause(*, definition: Definition, actor: Actor, at: datetime) -> Definition:
    """Stop a definition for a while: none is granted and none counts at a till.

    :raises InvalidTransition: it is not out
    """
    definition.transition(Definition.State.PAUSED)
    record(definition=definition, act="pause", actor=actor, at=at)
    return definition


@transaction.atomic
def end(*, definition: Definition, actor: Actor, at: datetime) -> Definition:
    """End a definition for good; what is at a till already goes on.

    :raises InvalidTransition: it has ended
    """
    definition.transition(Definition.State.ENDED, ended_at=at)
    record(definition=definition, act="end", actor=actor, at=at)
    return definition


def columns(*, terms: Terms) -> dict[str, Any]:
    """Return ``terms`` as the columns of a definition."""
    told = {field.name: getattr(terms, field.name) for field in fields(terms)}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in told.items()
    }


def _cut_budget(definition: Definition) -> None:
    """Cut what there is in all into slots; a budget too small for all of them into fewer."""
    sizes = [definition.budget_minor, definition.uses_in_all]
    if sizes == [None, None]:
        return
    count = min(SLOTS, *(size for size in sizes if size is not None))
    minors, uses = (
        [None] * count if size is None else in_parts(size, [1] * count) for size in sizes
    )
    BudgetSlot.objects.bulk_create(
        BudgetSlot(definition=definition, size_minor=minor, size_uses=use)
        for minor, use in zip(minors, uses, strict=True)
    )


def record(
    *,
    definition: Definition,
    act: str,
    actor: Actor,
    at: datetime,
    after: dict[str, Any] | None = None,
) -> None:
    """Write an act on a definition to the trail of the sponsor who bears most of it."""
    payer = definition.shares.order_by("-bps", "pk").values_list("sponsor__owner", flat=True)
    audit.record(
        actor=actor,
        action=f"benefit.{act}",
        subject_kind="benefit",
        subject=definition.reference,
        tenant=payer.first() or "",
        at=at,
        after=after,
    )
