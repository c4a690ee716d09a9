"""The lines of redemptions and the holdings behind them, as a sponsor may see them."""

from django.db.models import Q, QuerySet

from benefits.models import Holding, Lock
from benefits.rules.vocabulary import Kind
from wallets.models import Customer


def redeemed(*, owner: str) -> QuerySet[Lock]:
    """Return the lines of the campaigns that the sponsor of ``owner`` bears a part of."""
    return (
        Lock.objects.filter(holding__definition__shares__sponsor__owner=owner)
        .exclude(holding__kind=Kind.CASH_RECEIPT)
        .select_related("redemption__merchant", "redemption__store", "holding__definition")
    )


def held_at(*, owner: str) -> QuerySet[Holding]:
    """Return what customers hold of those campaigns: no other sponsor's, no tax identifiers."""
    return (
        Holding.objects.filter(definition__shares__sponsor__owner=owner)
        .exclude(kind=Kind.CASH_RECEIPT)
        .select_related("definition", "customer")
    )


def customers_found(*, typed: str, limit: int) -> list[Customer]:
    """Return the customer with that reference, or who holds the benefit with that one."""
    if not typed:
        return []
    rows = Customer.objects.filter(Q(reference=typed) | Q(holdings__reference=typed)).distinct()
    return list(rows.order_by("pk")[:limit])
