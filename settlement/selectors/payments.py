"""Payments as people, servers and customers see them."""

from django.db.models import Q, QuerySet

from config import events
from config.models import Event, User
from config.people.access import tenants_with
from config.refusals import NotFound
from config.roles import Right
from settlement.models import MerchantDay, Payment

_WITH = ("merchant", "store", "device", "card__issuer")
_CUSTOMER_PAGE = 50


def payments_visible_to(user: User) -> QuerySet[Payment]:
    """Return the payments at the merchants, or with the cards, of whom ``user`` works for."""
    tenants = tenants_with(user=user, right=Right.SEE_PAYMENTS)
    rows = Payment.objects.select_related(*_WITH)
    if tenants.everything:
        return rows
    named = tenants.references
    return rows.filter(Q(merchant__reference__in=named) | Q(card__issuer__reference__in=named))


def days_visible_to(user: User) -> QuerySet[MerchantDay]:
    """Return what the merchants ``user`` works for took, per day, channel and currency."""
    tenants = tenants_with(user=user, right=Right.SEE_PAYMENTS)
    rows = MerchantDay.objects.select_related("merchant")
    if tenants.everything:
        return rows
    return rows.filter(merchant__reference__in=tenants.references)


def payments_of_merchant(*, merchant: str) -> QuerySet[Payment]:
    """Return the payments of the merchant with that reference, newest first."""
    rows = Payment.objects.filter(merchant__reference=merchant)
    return rows.select_related(*_WITH).order_by("-id")


def page_of_merchant(*, merchant: str, after: str, limit: int) -> list[Payment]:
    """Return up to ``limit`` payments older than the one named ``after`` ("": the newest).

    :raises NotFound: the merchant has no payment of that reference
    """
    rows = payments_of_merchant(merchant=merchant)
    if after:
        rows = rows.filter(pk__lt=payment_of_merchant(merchant=merchant, reference=after).pk)
    return list(rows[:limit])


def payment_of_merchant(*, merchant: str, reference: str) -> Payment:
    """Return one payment of a merchant.

    :raises NotFound: unknown, or another merchant's
    """
    payment = payments_of_merchant(merchant=merchant).filter(reference=reference).first()
    if payment is None:
        raise NotFound
    return payment


def payments_of_customer(*, customer: str, after: str) -> list[Payment]:
    """Return the customer's own payments later than the one named ``after``, oldest first.

    An unknown ``after`` is as none.
    """
    own = Payment.objects.filter(card__account__holder=customer).order_by("pk")
    seen = own.filter(reference=after).values_list("pk", flat=True).first() if after else None
    return list(own.filter(pk__gt=seen or 0).select_related(*_WITH)[:_CUSTOMER_PAGE])


def live_rows(*, merchant: str, after: int, limit: int) -> list[Event]:
    """Return the merchant's events numbered above ``after``, oldest first, without a gap.

    Each tells its payment or batch as it was then, in ``body``; a screen shows the newest per
    subject.
    """
    return events.after(scope=merchant, seq=after, limit=limit)
