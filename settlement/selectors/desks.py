"""What settlement counts for the first page of each desk: shop, issuer, clearing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Exists, Min, OuterRef, Q

from settlement.models import Batch, Dispute, ExceptionItem, Payment, Redemption
from settlement.models.batches import ATC_GAP, OF_SHOPS

LATELY_DAYS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """Batches that wait to be posted, since when the oldest does, and those refused lately.

    ``refused``: those that no accepted batch of the reader has made good since.
    """

    waiting: int
    oldest: datetime | None
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """What an issuer must still explain: missing counters, losses, and disputes not closed."""

    gaps: int
    losses: int
    disputes: int


def uploads(*, at: datetime, merchant: str = "") -> Uploads:
    """Return how uploads go at the merchant with that reference, or everywhere."""
    rows = Batch.objects.filter(merchant__reference=merchant) if merchant else Batch.objects.all()
    again = Batch.objects.filter(device=OuterRef("device"), sequence=OuterRef("sequence"))
    refused = rows.filter(
        ~Exists(again.exclude(state=Batch.State.REFUSED)),
        state=Batch.State.REFUSED,
        received_at__gte=at - timedelta(days=LATELY_DAYS),
    )
    waiting = rows.filter(state=Batch.State.RECEIVED)
    return Uploads(
        **waiting.aggregate(waiting=Count("pk"), oldest=Min("received_at")),
        refused=refused.count(),
    )


def borne_by_shop(*, merchant: str, at: datetime) -> int:
    """Return how many payments of the last ``LATELY_DAYS`` that merchant bears itself."""
    since = (at - timedelta(days=LATELY_DAYS)).date()
    rows = Payment.objects.filter(merchant__reference=merchant, business_date__gte=since)
    return rows.filter(bearer=Payment.Bearer.MERCHANT).count()


def in_suspense(*, issuer: str) -> int:
    """Return how many redemptions of the issuer's cards wait to be decided."""
    rows = Redemption.objects.filter(state=Redemption.State.SUSPENSE)
    return rows.filter(preapproval__card__issuer__reference=issuer).count()


def open_items(*, issuer: str = "") -> Open:
    """Return what waits in the queue of the issuer with that reference, or in every one."""
    exceptions = ExceptionItem.objects.filter(resolved_at=None).exclude(kind__in=OF_SHOPS)
    disputes = Dispute.objects.filter(closed_at=None)
    if issuer:
        exceptions = exceptions.filter(tenant=issuer)
        disputes = disputes.filter(card__issuer__reference=issuer)
    gap = Q(kind=ATC_GAP)
    return Open(
        **exceptions.aggregate(gaps=Count("pk", filter=gap), losses=Count("pk", filter=~gap)),
        disputes=disputes.count(),
    )
