"""What purchases earn: points and stamps, given after they were paid (mission §2, 6.02)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from benefits.models import Accrual, Earning, StampCard
from benefits.selectors.earning_rules import earns_of
from benefits.services import budgets, holdings
from benefits.services.holdings import BudgetExhausted, Points, Worth
from merchants.models import Merchant
from wallets.models import Customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A purchase that was paid.

    ``base_minor``: what was paid with money of ``currency``, gift cards included, in minor units.
    """

    document: str
    customer: Customer
    merchant: Merchant
    currency: str
    base_minor: int
    paid_at: datetime


class _Earned(NamedTuple):
    """What a purchase brings by a rule: minor units of points, or a stamp."""

    rule: Earning
    paid: Paid
    amount: int


@transaction.atomic(savepoint=False)
def give(*, purchases: Sequence[Paid], at: datetime) -> list[Accrual]:
    """
    Give customers what their purchases earned, each once by each rule; return what they brought.

    The rules are those in force when it was paid, however late ``at`` is. What is not out is not
    earned, nor what one purchase has no budget left for. As many statements for many purchases as
    for one, but for cards that fill. Belongs into a transaction of its own after the payments',
    which holds slots of budgets.

    :raises BudgetExhausted: many purchases earn more than a budget holds: each is to be given by
        itself, in a transaction of its own, for nobody locks a holding while he holds slots
    """
    known = Accrual.objects.filter(document__in={paid.document for paid in purchases})
    given = {(each.earning_id, each.document): each for each in known}
    due = [
        each for each in _earned(purchases, at) if (each.rule.pk, each.paid.document) not in given
    ]
    stamps = [each for each in due if each.rule.points_bps is None]
    points = [each for each in due if each.rule.points_bps is not None]
    # A card that fills gives way to a new one: the customer's row, not the card's, keeps the order.
    _lock({each.paid.customer.pk for each in stamps})
    if len(purchases) > 1:
        accruals = _points(points, at)
    else:
        accruals = _points([each for each in points if not _is_limited(each.rule)], at)
        for each in points:
            if _is_limited(each.rule):
                accruals += _points_of_budget(each, at)
    accruals += _stamps(stamps, at)
    return [*given.values(), *Accrual.objects.bulk_create(accruals)]


def _earned(purchases: Sequence[Paid], at: datetime) -> list[_Earned]:
    """Return what is earned of benefits that are out, rule by rule."""
    rules = (
        Earning.objects.filter(merchant__in={paid.merchant.pk for paid in purchases})
        .select_related("gives")
        .order_by("gives", "pk")
    )
    return [
        _Earned(rule, paid, amount)
        for rule in rules
        for paid in purchases
        if _counts(rule, paid) and (amount := earns_of(rule=rule).amount_of(paid.base_minor))
        if holdings.is_out(definition=rule.gives, at=at)
    ]


def _counts(rule: Earning, paid: Paid) -> bool:
    over = rule.ended_at is not None and rule.ended_at <= paid.paid_at
    at_merchant = rule.merchant_id == paid.merchant.pk and rule.gives.currency == paid.currency
    return at_merchant and rule.starts_at <= paid.paid_at and not over


def _is_limited(rule: Earning) -> bool:
    return budgets.is_limited(definition=rule.gives)


def _lock(customers: Iterable[int]) -> None:
    ids = set(customers)
    if ids:
        mine = Customer.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
        list(mine.values_list("pk", flat=True))


def _points(earned: Sequence[_Earned], at: datetime) -> list[Accrual]:
    if not earned:
        return []
    points = [
        Points(
            definition=rule.gives,
            customer=paid.customer,
            key=f"{rule.reference} {paid.document}",
            worth=Worth(
                amount_minor=amount,
                expires_at=None if rule.lot_days is None else at + timedelta(days=rule.lot_days),
            ),
        )
        for rule, paid, amount in earned
    ]
    lots = holdings.add_points(points=points, at=at)
    accruals = [_accrual(each, at) for each in earned]
    for accrual, lot in zip(accruals, lots, strict=True):
        accrual.lot = lot
    return accruals


def _points_of_budget(earned: _Earned, at: datetime) -> list[Accrual]:
    try:
        with transaction.atomic():
            return _points([earned], at)
    except BudgetExhausted:
        return []


def _stamps(earned: Sequence[_Earned], at: datetime) -> list[Accrual]:
    if not earned:
        return []
    rules, customers = {each.rule.pk for each in earned}, {each.paid.customer.pk for each in earned}
    there = StampCard.objects.filter(earning__in=rules, customer__in=customers, filled_at=None)
    # A refund that takes a stamp back locks the card alone.
    locked = there.select_for_update(no_key=True).order_by("pk")
    cards = {(card.earning_id, card.customer_id): card for card in locked}
    accruals = []
    for each in earned:
        place = (each.rule.pk, each.paid.customer.pk)
        card = cards.setdefault(place, _begun(each, at))
        if card.stamps + 1 < card.needed:
            card.stamps += 1
        else:
            _fill(cards.pop(place), each, at)
        accruals.append(_accrual(each, at))
        accruals[-1].card = card
    StampCard.objects.bulk_update([card for card in cards.values() if card.pk], ["stamps"])
    StampCard.objects.bulk_create([card for card in cards.values() if not card.pk])
    return accruals


def _begun(earned: _Earned, at: datetime) -> StampCard:
    return StampCard(
        earning=earned.rule,
        customer=earned.paid.customer,
        needed=earned.rule.stamps_needed or 1,
        begun_at=at,
    )


def _fill(card: StampCard, earned: _Earned, at: datetime) -> None:
    """Give a card its last stamp, and its customer the reward."""
    if not card.pk:
        card.save()  # the reward's key names it
    card.reward = holdings.grant(
        definition=earned.rule.gives,
        customer=earned.paid.customer,
        key=f"{earned.rule.reference} {card.pk}",
        at=at,
    )
    card.stamps, card.filled_at = card.needed, at
    card.save(update_fields=["stamps", "reward", "filled_at"])


def _accrual(earned: _Earned, at: datetime) -> Accrual:
    return Accrual(
        earning=earned.rule,
        document=earned.paid.document,
        customer=earned.paid.customer,
        base_minor=earned.paid.base_minor,
        amount=earned.amount,
        given_at=at,
    )
