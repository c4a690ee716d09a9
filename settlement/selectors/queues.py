"""What an issuer has to explain: exceptions and disputes, its own alone."""

from typing import Final

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from issuers.models import Issuer
from merchants.models import Merchant
from settlement.models import Dispute, ExceptionItem
from settlement.models.batches import OF_SHOPS

VIEWS: Final = ("open", "resolved", "all")
_OPEN: Final = Q(resolved_at=None)
_NOT_CLOSED: Final = Q(closed_at=None)


def exceptions_of(*, issuer: str, view: str, kind: str = "") -> QuerySet[ExceptionItem]:
    """Return the exceptions in the queue of the issuer with that reference.

    ``view``: one of ``VIEWS``; ``kind``: one kind of exception, "" for each.
    """
    rows = ExceptionItem.objects.filter(tenant=issuer).select_related("payment__merchant")
    if kind:
        rows = rows.filter(kind=kind)
    return _in_view(rows, view, _OPEN)


def exception_counts(*, issuer: str) -> dict[str, int]:
    """Return how many exceptions each of ``VIEWS`` holds, in one query."""
    return _counts(ExceptionItem.objects.filter(tenant=issuer), _OPEN)


def disputes_of(*, issuer: str, view: str) -> QuerySet[Dispute]:
    """Return the disputes over cards of the issuer with that reference; ``view`` of ``VIEWS``."""
    rows = Dispute.objects.filter(card__issuer__reference=issuer)
    rows = rows.select_related("card__issuer", "merchant", "payment")
    rows = rows.select_related("record__batch", "record__payment")
    return _in_view(rows.defer("record__batch__content"), view, _NOT_CLOSED)


def dispute_counts(*, issuer: str) -> dict[str, int]:
    """Return how many disputes each of ``VIEWS`` holds, in one query."""
    return _counts(Dispute.objects.filter(card__issuer__reference=issuer), _NOT_CLOSED)


def issuers_with_waiting(*, issuers: QuerySet[Issuer]) -> QuerySet[Issuer]:
    """Return ``issuers`` by name, each with ``exceptions`` and ``disputes`` nobody has ended."""
    items = ExceptionItem.objects.filter(_OPEN, tenant=OuterRef("reference"))
    disputes = Dispute.objects.filter(_NOT_CLOSED, card__issuer=OuterRef("pk"))
    counted = {
        "exceptions": items.values("tenant").annotate(n=Count("pk")).values("n"),
        "disputes": disputes.values("card__issuer").annotate(n=Count("pk")).values("n"),
    }
    subcounts = {name: Coalesce(Subquery(rows), 0) for name, rows in counted.items()}
    return issuers.annotate(**subcounts).order_by("name", "pk")


def shops_with_gaps(*, merchants: QuerySet[Merchant]) -> QuerySet[Merchant]:
    """Return those of ``merchants`` whose readers miss a batch or are silent, by name.

    Each with how many ``gaps``; one that was filled or explained is none.
    """
    waiting = ExceptionItem.objects.filter(_OPEN, kind__in=OF_SHOPS, tenant=OuterRef("reference"))
    counted = waiting.order_by().values("tenant").annotate(n=Count("pk")).values("n")
    return merchants.annotate(gaps=Subquery(counted)).filter(gaps__gt=0).order_by("name", "pk")


def gaps_of(*, merchant: str) -> QuerySet[ExceptionItem]:
    """Return its readers' gaps in batches and silences that nobody explained, newest first.

    ``merchant``: its reference.
    """
    rows = ExceptionItem.objects.filter(_OPEN, kind__in=OF_SHOPS, tenant=merchant)
    return rows.order_by("-pk")


def _in_view[Row: (ExceptionItem, Dispute)](
    rows: QuerySet[Row], view: str, waiting: Q
) -> QuerySet[Row]:
    if view == "all":
        return rows
    return rows.filter(waiting) if view == "open" else rows.exclude(waiting)


def _counts[Row: (ExceptionItem, Dispute)](rows: QuerySet[Row], waiting: Q) -> dict[str, int]:
    counted: dict[str, int] = rows.aggregate(
        open=Count("pk", filter=waiting),
        resolved=Count("pk", filter=~waiting),
        all=Count("pk"),
    )
    return counted
