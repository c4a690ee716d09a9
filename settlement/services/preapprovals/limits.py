"""How much of a customer's pre-approvals stands against the programme's limits.

Limits count one customer's pre-approvals of one programme: what is outstanding, and what was
approved in the issuer's day. Of a day's sum counts what is held or was paid out; a number that was
given back unused counts as one of the day all the same.
"""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from issuers.models import Card
from issuers.rules.preapproving import Terms
from settlement.models import Preapproval
from wallets.models import Customer

_LIVE = Q(state__in=Preapproval.LIVE)


@dataclass(frozen=True, slots=True)
class Used:
    """Counts, and a sum in minor units."""

    outstanding: int
    count: int
    sum_minor: int


def day_of(*, card: Card, at: datetime) -> date:
    """Return the day at the card's issuer."""
    return at.astimezone(ZoneInfo(card.issuer.time_zone)).date()


def refuses_new(
    *, customer: Customer, card: Card, terms: Terms, amount_minor: int, at: datetime
) -> bool:
    """Return whether one more of ``amount_minor`` is too much; the customer's row is locked."""
    rows = _of(customer, card)
    used = _used(rows, day=day_of(card=card, at=at))
    return (
        used.outstanding >= terms.outstanding_max
        or used.count >= terms.daily_count_max
        or used.sum_minor + amount_minor > terms.daily_sum_max_minor
    )


def refuses_standing(*, preapproval: Preapproval, terms: Terms) -> bool:
    """Return whether limits that were lowered since would not let it be approved any more.

    Those of its day count that came up to it: of two the first stays good.
    """
    rows = _of(preapproval.customer, preapproval.card).filter(pk__lte=preapproval.pk)
    used = _used(rows, day=preapproval.day)
    too_much = used.count > terms.daily_count_max or used.sum_minor > terms.daily_sum_max_minor
    return too_much or preapproval.kind not in terms.kinds


def _of(customer: Customer, card: Card) -> QuerySet[Preapproval]:
    rows = Preapproval.objects.filter(customer=customer, card__programme=card.programme_id)
    return rows.exclude(state=Preapproval.State.DECLINED)


def _used(rows: QuerySet[Preapproval], *, day: date) -> Used:
    of_day = Q(day=day)
    found = rows.filter(of_day | _LIVE).aggregate(
        outstanding=Count("pk", filter=_LIVE),
        count=Count("pk", filter=of_day),
        held=Coalesce(Sum("amount_minor", filter=of_day & _LIVE), 0),
        paid=Coalesce(Sum(F("dispensed_minor"), filter=of_day), 0),
    )
    return Used(found["outstanding"], found["count"], int(found["held"] + found["paid"]))
