"""Pre-approvals and redemptions as lists: what a desk narrows, counts and adds up."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum

from issuers.models import Programme
from issuers.rules.preapproving import Terms
from merchants.models import Equipment
from settlement.models import Preapproval, Redemption

_State, _Redeemed = Preapproval.State, Redemption.State
VIEWS: Final = {
    "all": Q(),
    "open": Q(state=_State.APPROVED),
    "progress": Q(state=_State.IN_PROGRESS),
    "suspense": Q(state=_State.SUSPENSE),
    "ended": ~Q(state__in=Preapproval.LIVE),
}
COUNTED: Final = ("open", "progress", "suspense")  # what is live is few, whatever the rest
REDEMPTION_VIEWS: Final = {
    "all": Q(),
    "paid": Q(state=_Redeemed.COMPLETED),
    "open": Q(state__in=Redemption.OPEN),
    "none": Q(state=_Redeemed.REVERSED),
}
EFFECT_DAYS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a desk looks for: a view, a kind, words typed, and days, both inclusive."""

    view: str
    kind: str = ""
    typed: str = ""
    first: date | None = None
    last: date | None = None


def narrowed(rows: QuerySet[Preapproval], *, asked: Asked) -> QuerySet[Preapproval]:
    """Return those of ``rows`` that are asked for, by the issuer's days.

    Words are a reference, the last four of a card, or a machine that took the number.
    """
    found = rows.filter(VIEWS[asked.view])
    if asked.kind:
        found = found.filter(kind=asked.kind)
    if asked.first is not None:
        found = found.filter(day__gte=asked.first)
    if asked.last is not None:
        found = found.filter(day__lte=asked.last)
    return found.filter(_about(asked.typed)) if asked.typed else found


def _about(typed: str) -> Q:
    machine = Q(device__reference__iexact=typed) | Q(device__name__icontains=typed)
    taken = Redemption.objects.filter(machine, preapproval=OuterRef("pk"))
    return Q(reference__iexact=typed) | Q(card__last4=typed[-4:]) | Q(Exists(taken))


def redeemed(rows: QuerySet[Redemption], *, asked: Asked, zone: ZoneInfo) -> QuerySet[Redemption]:
    """Return those of ``rows`` that are asked for, by days in ``zone``.

    Words are a reference, the last four of a card, an item's serial, or a machine.
    """
    found = rows.filter(REDEMPTION_VIEWS[asked.view])
    if asked.kind:
        found = found.filter(kind=asked.kind)
    if asked.first is not None:
        found = found.filter(begun_at__gte=_midnight(asked.first, zone))
    if asked.last is not None:
        found = found.filter(begun_at__lt=_midnight(asked.last + timedelta(days=1), zone))
    if not asked.typed:
        return found
    typed = asked.typed
    return found.filter(
        Q(reference__iexact=typed)
        | Q(item_serial__iexact=typed)
        | Q(preapproval__card__last4=typed[-4:])
        | Q(device__reference__iexact=typed)
        | Q(device__name__icontains=typed)
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def counts(rows: QuerySet[Preapproval]) -> dict[str, int]:
    """Return how many of ``rows`` each view of live ones holds, in one query."""
    live = rows.filter(state__in=Preapproval.LIVE).order_by()
    return live.aggregate(**{name: Count("pk", filter=VIEWS[name]) for name in COUNTED})


class Total(NamedTuple):
    """How many, and how much in minor units of ``currency``."""

    number: int
    amount_minor: int
    currency: str


class Figures(NamedTuple):
    """An issuer's pre-approvals: held, in suspense; paid out and expired today. One a currency."""

    held: list[Total]
    paid: list[Total]
    suspense: list[Total]
    oldest: datetime | None  # of what waits in suspense
    expired: int


def figures(rows: QuerySet[Preapproval], *, today: date) -> Figures:
    """Return what ``rows`` come to, in three queries; ``today`` at their issuer."""
    live = _totals(rows.filter(state__in=Preapproval.LIVE), "amount_minor")
    ended = _totals(rows.filter(day=today).exclude(state__in=Preapproval.LIVE), "dispensed_minor")
    waiting = rows.filter(state=_State.SUSPENSE).order_by()
    oldest = waiting.aggregate(at=Min("redemptions__suspended_at"))["at"]
    return Figures(
        held=_of(live, *Preapproval.LIVE),
        paid=_of(ended, _State.COMPLETED),
        suspense=_of(live, _State.SUSPENSE),
        oldest=oldest,
        expired=sum(each["count"] for each in ended if each["state"] == _State.EXPIRED),
    )


def _totals(rows: QuerySet[Preapproval], worth: str) -> list[Any]:
    grouped = rows.order_by().values("state", "currency")
    return list(grouped.annotate(count=Count("pk"), worth=Sum(worth)).order_by("currency"))


def _of(totals: Iterable[dict[str, Any]], *states: str) -> list[Total]:
    found: dict[str, Total] = {}
    for each in totals:
        if each["state"] in states:
            before = found.get(each["currency"], Total(0, 0, each["currency"]))
            found[each["currency"]] = Total(
                before.number + each["count"],
                before.amount_minor + (each["worth"] or 0),
                each["currency"],
            )
    return list(found.values())


class Effect(NamedTuple):
    """What terms would have meant: of so many lately so many too long, of another kind; customers'
    days above the day's limits; live numbers of a kind that is no longer there."""

    made: int
    too_long: int
    other_kind: int
    days_over: int
    live_refused: int


def effect_of(*, programme: Programme, terms: Terms, today: date) -> Effect:
    """Return what ``terms`` would have meant for the last 30 days' pre-approvals; two queries."""
    rows = Preapproval.objects.filter(card__programme=programme).exclude(state=_State.DECLINED)
    lately = rows.filter(day__gt=today - timedelta(days=EFFECT_DAYS)).order_by()
    longest = timedelta(seconds=terms.valid_max_s)
    other = ~Q(kind__in=terms.kinds)
    found = lately.aggregate(
        made=Count("pk"),
        too_long=Count("pk", filter=Q(valid_until__gt=F("made_at") + longest)),
        other_kind=Count("pk", filter=other),
        live_refused=Count("pk", filter=other & Q(state__in=Preapproval.LIVE)),
    )
    days = lately.values("customer", "day").annotate(count=Count("pk"), worth=Sum("amount_minor"))
    over = Q(count__gt=terms.daily_count_max) | Q(worth__gt=terms.daily_sum_max_minor)
    return Effect(days_over=days.filter(over).count(), **found)


def with_cash(machines: QuerySet[Equipment], *, since: datetime) -> QuerySet[Equipment]:
    """Return machines with what each gave out: ``given_minor`` in cash since then, ``suspense``:
    how many redemptions wait to be decided, ``last_at``: when the last one began."""
    own = Redemption.objects.filter(device=OuterRef("device")).order_by().values("device")
    cash = own.filter(state=_Redeemed.COMPLETED, ended_at__gte=since, kind="CASH")
    parked = own.filter(state=_Redeemed.SUSPENSE)
    return machines.annotate(
        given_minor=Subquery(cash.annotate(of=Sum("dispensed_minor")).values("of")),
        suspense=Subquery(parked.annotate(of=Count("pk")).values("of")),
        last_at=Subquery(own.annotate(of=Max("begun_at")).values("of")),
    )
