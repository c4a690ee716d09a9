"""What a person may see of payments, batches and days: by merchant, or by the issuer of the card.

Merchant staff see their shop's payments whoever issued the card, issuer staff those of their own
cards wherever they were used.
"""

from django.db.models import Exists, OuterRef, Q, QuerySet

from config.models import User
from config.people.access import Tenants, tenants_with
from config.roles import Right
from settlement.models import Batch, BatchRecord, MerchantDay, Payment


def payments_visible_to(user: User, right: Right = Right.SEE_PAYMENTS) -> QuerySet[Payment]:
    """Return the payments taken by, or made with a card of, whom ``user`` works for."""
    return payments_of(tenants_with(user=user, right=right))


def payments_of(tenants: Tenants) -> QuerySet[Payment]:
    """Return the payments taken by the shops, or made with the cards, of ``tenants``."""
    rows = Payment.objects.select_related("merchant", "store", "device", "card__issuer", "request")
    return rows if tenants.everything else rows.filter(_of(tenants))


def batches_visible_to(user: User, right: Right = Right.SEE_BATCHES) -> QuerySet[Batch]:
    """Return the batches of the merchants, or with records of the cards, that ``user`` may see."""
    return batches_of(tenants_with(user=user, right=right))


def batches_of(tenants: Tenants) -> QuerySet[Batch]:
    """Return the batches of the shops, or with records of the cards, of ``tenants``."""
    rows = Batch.objects.select_related("merchant", "device__equipment__store").defer("content")
    if tenants.everything:
        return rows
    theirs = BatchRecord.objects.filter(
        batch=OuterRef("pk"), card__issuer__reference__in=tenants.references
    )
    return rows.filter(Q(merchant__reference__in=tenants.references) | Exists(theirs))


def records_of(batch: Batch, *, tenants: Tenants) -> QuerySet[BatchRecord]:
    """Return the records of ``batch`` that ``tenants`` may see: the shop all, an issuer its own."""
    rows = batch.records.select_related("card__issuer", "payment__merchant").order_by("index")
    if sees_whole(batch, tenants=tenants):
        return rows
    return rows.filter(card__issuer__reference__in=tenants.references)


def sees_whole(batch: Batch, *, tenants: Tenants) -> bool:
    """Return whether ``tenants`` may see the batch itself, its totals and its signed bytes."""
    return tenants.everything or batch.merchant.reference in tenants.references


def days_visible_to(user: User, right: Right = Right.SEE_PAYMENTS) -> QuerySet[MerchantDay]:
    """Return the daily totals of the merchants at which ``user`` has ``right``."""
    tenants = tenants_with(user=user, right=right)
    rows = MerchantDay.objects.all()
    return rows if tenants.everything else rows.filter(merchant__reference__in=tenants.references)


def _of(tenants: Tenants) -> Q:
    named = tenants.references
    return Q(merchant__reference__in=named) | Q(card__issuer__reference__in=named)
