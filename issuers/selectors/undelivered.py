"""Commands that phones have not applied: how long, how often tried, what could still be lost."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import BigIntegerField, Case, Count, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from issuers.models import Credential, Issuer, OtaCommand
from issuers.selectors.coverage import FREEZING

VIEWS: Final = ("late", "undelivered", "all")
LATE_AFTER: Final = timedelta(hours=1)  # a phone in use hears of a command within minutes
_State = OtaCommand.State


def unheard_of(*, issuer: Issuer, view: str, at: datetime) -> QuerySet[OtaCommand]:
    """Return the commands of the issuer's cards that no phone has acknowledged.

    ``view``: ``late`` for those given up or waiting longer than ``LATE_AFTER``, ``undelivered``
    for those given up, ``all`` for each.
    """
    rows = OtaCommand.objects.filter(card__issuer=issuer).exclude(state=_State.APPLIED)
    return rows.filter(_views(at)[view])


def counts_of(*, issuer: Issuer, at: datetime) -> dict[str, int]:
    """Return how many commands each of ``VIEWS`` holds, in one query."""
    rows = unheard_of(issuer=issuer, view="all", at=at)
    counted: dict[str, int] = rows.aggregate(
        **{name: Count("pk", filter=which) for name, which in _views(at).items()}
    )
    return counted


def with_exposure(*, rows: QuerySet[OtaCommand], at: datetime) -> QuerySet[OtaCommand]:
    """Return commands with card and phone, and what each leaves exposed: for one page's rows.

    ``exposure_minor``: what of the reserve of the card on that phone could still be spent, in
    minor units of its account; None for a command whose delay costs nothing. ``cap_minor``: what
    its certificate allows in all, None without one in force.
    """
    held = Credential.objects.filter(
        Credential.SPENDABLE,
        card=OuterRef("card"),
        device=OuterRef("device"),
        expires_at__gt=at,
    ).order_by("-id")
    reserve = Coalesce(Subquery(held.values("reserve_minor")[:1]), 0)
    return (
        rows.select_related("card__account", "card__programme", "device")
        .defer("body", "signed")
        .annotate(
            exposure_minor=Case(When(FREEZING, then=reserve), output_field=BigIntegerField()),
            cap_minor=Subquery(held.values("cumulative_cap_minor")[:1]),
        )
    )


def given_up_of(*, issuer: str) -> int:
    """Return how many commands of the issuer with that reference stand UNDELIVERED."""
    rows = OtaCommand.objects.filter(state=_State.UNDELIVERED, card__issuer__reference=issuer)
    return rows.count()


def _views(at: datetime) -> dict[str, Q]:
    given_up = Q(state=_State.UNDELIVERED)
    return {
        "late": given_up | Q(created_at__lte=at - LATE_AFTER),
        "undelivered": given_up,
        "all": Q(),
    }
