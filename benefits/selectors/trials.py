"""Campaigns tried on a basket as a customer would meet them; nothing is written.

A customer who was just granted all that is out, and the campaign under trial whatever its state.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet

from benefits.models import Definition, Holding
from benefits.rules.best import Best, best_for
from benefits.rules.clashes import bits_of, clashes_of
from benefits.rules.vocabulary import BALANCES, Benefit, Card, Item, Kind, Purchase
from benefits.selectors import held
from merchants.models import Store

OTHERS_MAX: Final = 100
TRIED_WITH_MAX: Final = 19  # the search is proven for 20 at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Another definition that does not count beside one; ``group``: theirs, "" if one excludes."""

    other: Definition
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """What is bought and where, minor units of the campaign's currency.

    ``card`` is None without a payment number. ``balance_minor``: of points or a gift card under
    trial. ``with_others``: whether the customer holds all else that is out there as well.
    """

    amount_minor: int
    store: Store
    items: Sequence[Item] = ()
    card: Card | None = None
    balance_minor: int = 0
    with_others: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What the best for the customer is ``at`` that time, and the definitions it speaks of."""

    best: Best
    at: datetime
    definitions: Mapping[str, Definition]


def as_if_held(
    *, definitions: Iterable[Definition], at: datetime, balance_minor: int = 0
) -> list[Benefit]:
    """Return ``definitions`` as one would hold them who was granted each at ``at``, once."""
    rows = [_granted(each, at, balance_minor) for each in definitions]
    return [
        replace(
            each.benefit,
            amount_minor=balance_minor
            if each.benefit.kind in BALANCES
            else each.benefit.amount_minor,
            uses_left=1,
        )
        for each in held.of(holdings=rows, at=at)
    ]


def _granted(definition: Definition, at: datetime, balance_minor: int) -> Holding:
    return Holding(
        reference=definition.reference,
        definition=definition,
        kind=definition.kind,
        uses=definition.uses_each,
        balance_minor=balance_minor if definition.kind in BALANCES else None,
        starts_at=definition.starts_at,
        ends_at=definition.ends_at,
        granted_at=at,
    )


def clashes_with(*, definition: Definition, owner: str, at: datetime) -> list[Clash]:
    """Return what may count where and when ``definition`` does and does not go together with it,
    by name; drafts of ``owner`` among them, nobody else's."""
    others = _overlapping(definition.merchants).filter(currency=definition.currency)
    mine = Definition.objects.filter(shares__sponsor__owner=owner).values("pk")
    others = others.filter(~Q(state=Definition.State.DRAFT) | Q(pk__in=mine))
    others = others.exclude(pk=definition.pk).exclude(ends_at__lte=definition.starts_at or at)
    if definition.ends_at:
        others = others.exclude(starts_at__gte=definition.ends_at)
    rows = [definition, *others.order_by("name", "pk")[:OTHERS_MAX]]
    clashing = clashes_of(as_if_held(definitions=rows, at=at))[0]
    group = definition.stack_group
    return [
        Clash(other=rows[place], group=group if rows[place].stack_group == group else "")
        for place in bits_of(clashing)
    ]


def tried(*, definition: Definition, basket: Basket, at: datetime) -> Tried:
    """Return the customer's view of ``basket``: the best of ``definition`` and what else is out.

    What has not begun is tried at its beginning.
    """
    at = max(at, definition.starts_at or at)
    others = _others(definition, basket, at) if basket.with_others else []
    rows = [definition, *others]
    purchase = Purchase(
        amount_minor=basket.amount_minor,
        currency=definition.currency,
        merchant=basket.store.merchant.reference,
        store=basket.store.reference,
        at=at,
        items=tuple(basket.items),
        card=basket.card,
    )
    benefits = as_if_held(definitions=rows, at=at, balance_minor=basket.balance_minor)
    return Tried(
        best=best_for(purchase=purchase, held=benefits),
        at=at,
        definitions={each.reference: each for each in rows},
    )


def _others(definition: Definition, basket: Basket, at: datetime) -> QuerySet[Definition]:
    """Return what else is out there; a balance is each customer's own and is left out."""
    return (
        _overlapping([basket.store.merchant.reference])
        .filter(
            Q(starts_at=None) | Q(starts_at__lte=at),
            Q(ends_at=None) | Q(ends_at__gt=at),
            state=Definition.State.PUBLISHED,
            currency=definition.currency,
        )
        .exclude(kind__in=[*BALANCES, Kind.CASH_RECEIPT])
        .exclude(pk=definition.pk)
        .order_by("-published_at", "pk")[:TRIED_WITH_MAX]
    )


def _overlapping(merchants: Collection[str]) -> QuerySet[Definition]:
    """Return the definitions that have not ended and count at any of ``merchants``, [] for all."""
    rows = Definition.objects.exclude(state=Definition.State.ENDED)
    if not merchants:
        return rows
    return rows.filter(Q(merchants=[]) | Q(merchants__overlap=list(merchants)))
