"""Holdings: granted once per key, ended when their time is up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from benefits.models import Definition, Holding, Lot
from benefits.rules.vocabulary import BALANCES, Kind
from benefits.services import budgets
from benefits.services.budgets import Want
from config import pipeline, references, sealing
from config.looks import Look
from config.refusals import Refused
from wallets.models import Customer

LIMIT: Final = 500


class BenefitNotOut(Refused):
    code = "benefit_not_out"
    status = 409
    title = "This benefit is not out, or has ended"


class BudgetExhausted(Refused):
    code = "budget_exhausted"
    status = 409
    title = "The budget of this benefit is spent"


class WorthMissing(Refused):
    code = "worth_missing"
    title = "Points and gift cards are granted with an amount, cash receipts with an identifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What one grant brings where the definition leaves it open.

    ``amount_minor``: of points and gift cards. ``expires_at``: of points, of this lot alone.
    ``identifier``: of a cash receipt, carried and shown by its last four characters.
    """

    amount_minor: int | None = None
    expires_at: datetime | None = None
    identifier: str = ""


NOTHING_MORE: Final = Worth()


class Points(NamedTuple):
    """Points for a customer, once per ``key``."""

    definition: Definition
    customer: Customer
    key: str
    worth: Worth


@transaction.atomic
def grant(
    *,
    definition: Definition,
    customer: Customer,
    at: datetime,
    key: str = "",
    worth: Worth = NOTHING_MORE,
) -> Holding:
    """Give ``customer`` a benefit, once per ``key``: the same again changes nothing.

    Without a key there is one grant to a customer. Points of one definition are one holding, to
    which each key adds a lot. The budget of points and gift cards is taken here.

    :raises BenefitNotOut: the definition is not published, or its time is over
    :raises BudgetExhausted: the grant would overrun it; nothing is granted
    :raises WorthMissing: an amount or an identifier is missing
    """
    _refuse_unfit(definition, worth, at)
    if definition.kind == Kind.POINTS:
        (lot,) = add_points(points=[Points(definition, customer, key, worth)], at=at)
        return lot.holding
    holding, made = Holding.objects.get_or_create(
        definition=definition, customer=customer, key=key, defaults=_born(definition, worth, at)
    )
    if made and definition.kind == Kind.GIFT_CARD and budgets.is_limited(definition=definition):
        _take_budgets({definition.pk: Want(minor=worth.amount_minor or 0, uses=1)})
    return holding


def add_points(*, points: Sequence[Points], at: datetime) -> list[Lot]:
    """
    Grant points as :func:`grant` does, by as many statements for many as for one; within the
    caller's own transaction. Return the lot of each, in their order.

    The refusal of a budget comes after writing: who goes on after it undoes that.

    :raises BenefitNotOut: a definition is not published, or its time is over
    :raises BudgetExhausted: the grant would overrun it
    :raises WorthMissing: an amount is missing
    """
    for each in points:
        _refuse_unfit(each.definition, each.worth, at)
    held = _locked_points(points, at)
    # Whoever adds a lot holds the holding, so what is not there now is added by nobody else.
    there = Lot.objects.filter(holding__in=held.values(), key__in={each.key for each in points})
    lots = {(lot.holding_id, lot.key): lot for lot in there}
    added: list[Lot] = []
    wants: dict[int, Want] = {}
    found = []
    for each in points:
        holding = held[each.definition.pk, each.customer.pk]
        lot = lots.get((holding.pk, each.key))
        if lot is None:
            lot = lots[holding.pk, each.key] = _lot(each, at)
            added.append(lot)
            holding.balance_minor = (holding.balance_minor or 0) + lot.granted_minor
            if budgets.is_limited(definition=each.definition):
                before = wants.get(each.definition.pk, Want(minor=0, uses=0))
                wants[each.definition.pk] = Want(
                    minor=before.minor + lot.granted_minor, uses=before.uses + 1
                )
        lot.holding = holding
        found.append(lot)
    Lot.objects.bulk_create(added)
    _take_budgets(wants)
    Holding.objects.bulk_update({lot.holding for lot in added}, ["balance_minor"])
    return found


def is_out(*, definition: Definition, at: datetime) -> bool:
    """Return whether a definition is published and its time not over."""
    over = definition.ends_at is not None and at >= definition.ends_at
    return definition.state == Definition.State.PUBLISHED and not over


def _refuse_unfit(definition: Definition, worth: Worth, at: datetime) -> None:
    if not is_out(definition=definition, at=at):
        raise BenefitNotOut
    needs_amount = definition.kind in BALANCES
    if needs_amount and (worth.amount_minor or 0) < 1:
        raise WorthMissing
    if definition.kind == Kind.CASH_RECEIPT and not worth.identifier:
        raise WorthMissing


def _born(definition: Definition, worth: Worth, at: datetime) -> dict[str, object]:
    reference = references.new("BNF")
    is_balance = definition.kind in BALANCES
    opening = worth.amount_minor if definition.kind == Kind.GIFT_CARD else 0
    return {
        "reference": reference,
        "kind": definition.kind,
        "uses": None if is_balance else definition.uses_each,
        "balance_minor": opening if is_balance else None,
        "starts_at": definition.starts_at,
        "ends_at": _ends_at(definition, at),
        "granted_at": at,
        **_identified(reference, worth.identifier),
    }


def _identified(reference: str, identifier: str) -> dict[str, object]:
    if not identifier:
        return {}
    sealed = sealing.seal(identifier.encode(), context=f"holding.identifier.{reference}")
    return {"identifier": sealed, "identifier_tail": identifier[-4:]}


def _ends_at(definition: Definition, at: datetime) -> datetime | None:
    if definition.valid_days is None:
        return definition.ends_at
    by_days = at + timedelta(days=definition.valid_days)
    return by_days if definition.ends_at is None else min(by_days, definition.ends_at)


def _lot(points: Points, at: datetime) -> Lot:
    amount = points.worth.amount_minor or 0
    return Lot(
        key=points.key,
        granted_minor=amount,
        left_minor=amount,
        expires_at=points.worth.expires_at or _ends_at(points.definition, at),
        granted_at=at,
    )


def _locked_points(points: Sequence[Points], at: datetime) -> dict[tuple[int, int], Holding]:
    """Lock the one holding of each definition and customer, begun where there was none."""
    wanted = {(each.definition.pk, each.customer.pk): each for each in points}
    held = _lock_held(wanted)
    missing = [each for place, each in sorted(wanted.items()) if place not in held]
    if missing:
        Holding.objects.bulk_create(
            [
                Holding(
                    definition=each.definition,
                    customer=each.customer,
                    key="",
                    **_born(each.definition, each.worth, at) | {"ends_at": each.definition.ends_at},
                )
                for each in missing
            ],
            ignore_conflicts=True,
        )
        held |= _lock_held({(each.definition.pk, each.customer.pk) for each in missing})
    return held


def _lock_held(wanted: Collection[tuple[int, int]]) -> dict[tuple[int, int], Holding]:
    definitions, customers = ({place[part] for place in wanted} for part in (0, 1))
    mine = (
        Holding.objects.select_for_update(no_key=True)
        .filter(definition__in=definitions, customer__in=customers, key="")
        .order_by("pk")
    )
    found = {(each.definition_id, each.customer_id): each for each in mine}
    return {place: each for place, each in found.items() if place in wanted}


def _take_budgets(wants: Mapping[int, Want]) -> None:
    if not wants:
        return
    taken = budgets.take(wants=wants)
    if taken.exhausted:
        raise BudgetExhausted
    pipeline.run(*taken.then)


def expire_due(*, at: datetime, limit: int = LIMIT) -> int:
    """End up to ``limit`` holdings, and as many lots of points, whose time is up; return how many.

    What is at a till is left until that is over; its time stood still meanwhile.
    """
    if not _ANY.at(at):
        return 0
    # Lots first: without points, their holding may be over too.
    return _expire_lots(at, limit) + _expire_holdings(at, limit)


def _any_due(at: datetime) -> QuerySet[Any, Any]:
    lots = _with_lots_due(at).values_list("pk")[:1]
    return lots.union(_due(at).values_list("pk")[:1], all=True)


_ANY: Final = Look(_any_due)


def _due(at: datetime) -> QuerySet[Holding]:
    due = Holding.objects.filter(
        state=Holding.State.ACTIVE, ends_at__lte=at, uses_held=0, held_minor=0
    )
    # A gift card with a balance stays: what is on it is owed, whether or not it can still be used.
    return due.exclude(balance_minor__gt=0)


def _with_lots_due(at: datetime) -> QuerySet[Holding]:
    return Holding.objects.filter(lots__left_minor__gt=0, lots__expires_at__lte=at)


@transaction.atomic
def _expire_holdings(at: datetime, limit: int) -> int:
    ids = _locked(_due(at), limit)
    return Holding.objects.filter(pk__in=ids).update(state=Holding.State.EXPIRED)


@transaction.atomic
def _expire_lots(at: datetime, limit: int) -> int:
    ids = _with_lots_due(at).order_by("pk").values_list("pk", flat=True)[:limit]
    held = {
        holding.pk: holding
        for holding in Holding.objects.select_for_update(no_key=True)
        .filter(pk__in=set(ids))
        .order_by("pk")
    }
    lots = list(Lot.objects.filter(holding__in=held, left_minor__gt=0, expires_at__lte=at))
    for lot in lots:
        holding = held[lot.holding_id]
        holding.balance_minor = (holding.balance_minor or 0) - lot.left_minor
        lot.left_minor = 0
    Lot.objects.bulk_update(lots, ["left_minor"])
    Holding.objects.bulk_update(held.values(), ["balance_minor"])
    return len(lots)


def _locked(rows: QuerySet[Holding], limit: int) -> list[int]:
    picked = rows.select_for_update(no_key=True, skip_locked=True).order_by("pk")
    return list(picked.values_list("pk", flat=True)[:limit])
