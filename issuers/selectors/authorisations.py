"""An issuer's decisions on payments, as its staff look for them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from issuers.models import Authorisation, Card

VIEWS: Final = {"all": Q(), "approved": Q(decline_reason=""), "declined": ~Q(decline_reason="")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the list is narrowed to; each part may be left out.

    ``view``: one of ``VIEWS``; ``reason``: a decline's code; ``first`` and ``last``: days of
    ``time_zone``, both included.
    """

    view: str = "all"
    reason: str = ""
    last4: str = ""
    card: Card | None = None
    first: date | None = None
    last: date | None = None
    time_zone: str = "UTC"


def narrowed(rows: QuerySet[Authorisation], *, asked: Asked) -> QuerySet[Authorisation]:
    """Return those of ``rows`` that ``asked`` takes."""
    wanted = {
        "decline_reason": asked.reason,
        "card__last4": asked.last4,
        "card": asked.card,
        "decided_at__gte": asked.first and _midnight(asked.first, asked.time_zone),
        "decided_at__lt": asked.last and _midnight(asked.last + timedelta(days=1), asked.time_zone),
    }
    return rows.filter(
        VIEWS[asked.view], **{name: value for name, value in wanted.items() if value}
    )


def _midnight(day: date, time_zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(time_zone))
