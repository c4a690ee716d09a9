"""Debts of an issuer's accounts: what was spent offline beyond what they had."""

from typing import Final

from django.db.models import Count, F, Q, QuerySet, Sum

from issuers.models import Account, Debt, Issuer

VIEWS: Final = {"open": Q(closed_at=None), "collected": Q(closed_at__isnull=False), "all": Q()}


def debts_of(*, issuer: Issuer, view: str) -> QuerySet[Debt]:
    """Return the debts over the issuer's cards, with card and account; ``view`` of ``VIEWS``."""
    rows = Debt.objects.filter(VIEWS[view], card__issuer=issuer)
    return rows.select_related("card", "account", "entry")


def counts_of(*, issuer: Issuer) -> dict[str, int]:
    """Return how many debts each of ``VIEWS`` holds, in one query."""
    rows = Debt.objects.filter(card__issuer=issuer)
    counted: dict[str, int] = rows.aggregate(
        **{name: Count("pk", filter=which) for name, which in VIEWS.items()}
    )
    return counted


def outstanding_of(*, issuer: Issuer) -> dict[str, int]:
    """Return what the issuer's accounts owe, in minor units by currency."""
    rows = Debt.objects.filter(VIEWS["open"], card__issuer=issuer).order_by("account__currency")
    owed = rows.values("account__currency").annotate(
        minor=Sum(F("amount_minor") - F("collected_minor"))
    )
    return dict(owed.values_list("account__currency", "minor"))


def open_debt(*, account: Account) -> Debt | None:
    """Return what the account owes now, if it owes anything."""
    return Debt.objects.filter(account=account, closed_at=None).first()
