"""What a payment earns: points and stamps, given after it (mission §2, 6.02)."""

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from benefits.models import Accrual, Earning, StampCard
from benefits.selectors.earning_rules import earns_of
from benefits.services import budgets, holdings
from benefits.services.holdings import BenefitNotOut, BudgetExhausted, Worth
from merchants.models import Merchant
from wallets.models import Customer


@transaction.atomic(savepoint=False)
def give(
    *,
    customer: Customer,
    merchant: Merchant,
    document: str,
    base_minor: int,
    currency: str,
    paid_at: datetime,
    at: datetime,
) -> list[Accrual]:
    """
    Give ``customer`` what the payment ``document`` earned at ``merchant``, once for each rule.

    ``base_minor``: what was paid with money of ``currency``, gift cards included. The rules are
    those in force at ``paid_at``, however late ``at`` is. Belongs into a transaction of its own
    after the payment's, which holds slots of budgets. What is not out or has no budget left is not
    earned.
    """
    rules = (
        Earning.objects.filter(
            Q(ended_at=None) | Q(ended_at__gt=paid_at),
            merchant=merchant,
            starts_at__lte=paid_at,
            gives__currency=currency,
        )
        .select_related("gives")
        .order_by("gives", "pk")
    )
    known = {row.earning_id: row for row in Accrual.objects.filter(document=document)}
    given = [
        known.get(rule.pk) or _give(rule, customer, document, base_minor, at) for rule in rules
    ]
    return [each for each in given if each is not None]


def _give(
    rule: Earning, customer: Customer, document: str, base_minor: int, at: datetime
) -> Accrual | None:
    if not earns_of(rule=rule).amount_of(base_minor):
        return None
    try:
        with _undone_where_refused(rule):
            if rule.points_bps is None:
                return _stamp(rule, customer, document, base_minor, at)
            return _points(rule, customer, document, base_minor, at)
    except (BenefitNotOut, BudgetExhausted):
        return None


def _undone_where_refused(rule: Earning) -> AbstractContextManager[Any]:
    """Return a savepoint, unless a refusal of ``rule`` comes before anything is written."""
    is_plain = rule.points_bps is not None and not budgets.is_limited(definition=rule.gives)
    return nullcontext() if is_plain else transaction.atomic()


def _points(
    rule: Earning, customer: Customer, document: str, base_minor: int, at: datetime
) -> Accrual:
    amount = earns_of(rule=rule).amount_of(base_minor)
    expires_at = None if rule.lot_days is None else at + timedelta(days=rule.lot_days)
    lot = holdings.add_points(
        definition=rule.gives,
        customer=customer,
        key=f"{rule.reference} {document}",
        worth=Worth(amount_minor=amount, expires_at=expires_at),
        at=at,
    )
    return Accrual.objects.create(
        earning=rule,
        document=document,
        customer=customer,
        base_minor=base_minor,
        amount=amount,
        lot=lot,
        given_at=at,
    )


def _stamp(
    rule: Earning, customer: Customer, document: str, base_minor: int, at: datetime
) -> Accrual:
    # A card that fills gives way to a new one: the customer's row, not the card's, keeps the order.
    Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    card, _begun = StampCard.objects.get_or_create(
        earning=rule,
        customer=customer,
        filled_at=None,
        defaults={"needed": rule.stamps_needed or 1, "begun_at": at},
    )
    card.stamps += 1
    if card.stamps == card.needed:
        card.reward = holdings.grant(
            definition=rule.gives, customer=customer, key=f"{rule.reference} {card.pk}", at=at
        )
        card.filled_at = at
    card.save(update_fields=["stamps", "reward", "filled_at"])
    return Accrual.objects.create(
        earning=rule,
        document=document,
        customer=customer,
        base_minor=base_minor,
        amount=1,
        card=card,
        given_at=at,
    )
