"""A shop's sales as its live screen shows them: list, changes since, and the day so far."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from config import events
from config.models import Device, EventHead
from config.models.devices import DeviceKind
from merchants.models import Equipment, Merchant
from settlement.models import Batch, Payment
from settlement.rules.requests import OPEN
from settlement.rules.sheet import business_date
from settlement.selectors.payments import live_rows
from settlement.selectors.takings import Day, Sums, taken_on
from settlement.selectors.typed import LOOK_BACK_DAYS, payments_matching

VIEWS: Final = ("", "today", "open", "refunded", "reversed", "borne")
STILL_OPEN: Final = OPEN | {Payment.State.APPROVING}
TREND_DAYS: Final = 14
REFUSED_DAYS: Final = 7
_ABOUT_PAYMENTS: Final = ("payment.", "refund.")
_WITH: Final = ("merchant", "store", "device", "card", "request")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a list of sales is narrowed to; each part may be left out.

    ``view``: one of ``VIEWS``; ``day``: a business day; ``device``: a device's reference;
    ``channel`` and ``state``: as :class:`Payment` names them.
    """

    view: str = ""
    typed: str = ""
    day: date | None = None
    device: str = ""
    channel: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What happened after a ``seq``: payments newest first, and those the list takes.

    ``seq`` is the last number covered, ``head`` the newest there is.
    """

    payments: list[Payment]
    fitting: frozenset[int]
    seq: int
    head: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a shop took today in one currency; amounts in minor units.

    ``net_minor``: sales less reversals and refunds.
    """

    currency: str
    net_minor: int = 0
    sales: int = 0
    reversals: int = 0
    refunds: int = 0
    trend: list[int] = field(default_factory=list)  # net per day, oldest first, today last


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """A shop's business day so far, what its readers still hold, and its uploads."""

    day: date
    head: int  # the number of the shop's newest event
    taken: list[Taken]
    devices: list[tuple[str, str]]  # reference and name, by name
    waiting: int  # requests that a customer may still pay
    waiting_minor: int  # their sum, in the shop's currency alone
    active: int
    telling: int  # of the active ones, how many ever said what they hold
    queued: int  # records, as they last said
    posting: int
    refused: int  # in the last REFUSED_DAYS


def today_of(*, merchant: Merchant, at: datetime) -> date:
    """Return the business day ``merchant`` is in at ``at``."""
    return business_date(at=int(at.timestamp()), time_zone=merchant.time_zone)


def sales_of(*, merchant: Merchant, asked: Asked, at: datetime) -> QuerySet[Payment]:
    """Return the shop's payments that ``asked`` takes, in no order."""
    rows = Payment.objects.filter(merchant=merchant).select_related(*_WITH)
    today = today_of(merchant=merchant, at=at)
    rows = _in_view(rows, asked.view, today).filter(**_narrowing(asked))
    if asked.typed:
        since = asked.day or today - timedelta(days=LOOK_BACK_DAYS)
        rows = payments_matching(
            rows, typed=asked.typed, currencies=[merchant.currency], since=since
        )
    return rows


def _in_view(rows: QuerySet[Payment], view: str, today: date) -> QuerySet[Payment]:
    match view:
        case "today":
            return rows.filter(business_date=today)
        case "open":
            return rows.filter(state__in=STILL_OPEN)
        case "refunded":
            return rows.filter(refunded_minor__gt=0)
        case "reversed":
            return rows.filter(state=Payment.State.REVERSED)
        case "borne":
            return rows.exclude(bearer=Payment.Bearer.CARDHOLDER)
        case _:
            return rows


def _narrowing(asked: Asked) -> dict[str, object]:
    wanted = {
        "business_date": asked.day,
        "device__reference": asked.device,
        "channel": asked.channel,
        "state": asked.state,
    }
    return {name: value for name, value in wanted.items() if value}


def changed_since(
    *, merchant: Merchant, asked: Asked, seq: int, limit: int, at: datetime
) -> Changes:
    """
    Return the payments that the events after ``seq`` are about, up to ``limit`` events on.

    A payment that the list does not take is told too, so that a row it has can be redrawn.
    """
    told = live_rows(merchant=merchant.reference, after=seq, limit=limit)
    names = {event.subject for event in told if event.type.startswith(_ABOUT_PAYMENTS)}
    rows = Payment.objects.filter(merchant=merchant, reference__in=names)
    payments = list(rows.select_related(*_WITH).order_by("-id")) if names else []
    covered = told[-1].seq or seq if told else seq
    return Changes(
        payments=payments,
        fitting=_fitting(merchant, asked, payments, at),
        seq=covered,
        head=events.head(scope=merchant.reference) if len(told) == limit else covered,
    )


def _fitting(
    merchant: Merchant, asked: Asked, payments: list[Payment], at: datetime
) -> frozenset[int]:
    ids = [payment.pk for payment in payments]
    if asked == Asked() or not ids:
        return frozenset(ids)
    taken = sales_of(merchant=merchant, asked=asked, at=at).filter(pk__in=ids)
    return frozenset(taken.values_list("pk", flat=True))


def today_so_far(*, merchant: Merchant, at: datetime) -> Today:
    """
    Return what the shop took today, with its trend, and what is still on its way; 3 queries.

    ``head`` is read first: of what happens meanwhile, nothing is missed by asking what came after.
    """
    day = today_of(merchant=merchant, at=at)
    standing = _standing(merchant, since=at - timedelta(days=REFUSED_DAYS))
    devices = list(
        Equipment.objects.filter(merchant=merchant)
        .select_related("device__virtual_till")
        .order_by("device__name", "pk")
    )
    active = [item for item in devices if _may_hold(item.device)]
    told = [item.unsent_count for item in active if item.unsent_count is not None]
    return Today(
        day=day,
        head=standing.head,
        taken=_taken(merchant, day),
        waiting=standing.waiting,
        waiting_minor=standing.waiting_minor,
        devices=[(item.device.reference, item.device.name) for item in devices],
        active=len(active),
        telling=len(told),
        queued=sum(told),
        posting=standing.posting,
        refused=standing.refused,
    )


def _may_hold(device: Device) -> bool:
    """Return whether a device in service may hold sales that the portal has not had."""
    takes_taps = device.kind != DeviceKind.RELAY and not hasattr(device, "virtual_till")
    return takes_taps and device.state == Device.State.ACTIVE


class _Standing(NamedTuple):
    """The shop's newest event number, its batches and its open requests."""

    head: int
    posting: int
    refused: int
    waiting: int
    waiting_minor: int


def _standing(merchant: Merchant, *, since: datetime) -> _Standing:
    """Return it in one query; batches refused ``since``."""
    counted = Batch.objects.filter(merchant=OuterRef("pk")).order_by().values("merchant")
    counted = counted.annotate(n=Count("pk"))
    waiting = counted.filter(state=Batch.State.RECEIVED)
    refused = counted.filter(state=Batch.State.REFUSED, received_at__gte=since)
    head = EventHead.objects.filter(scope=OuterRef("reference")).values("seq")
    still = Payment.objects.filter(
        merchant=OuterRef("pk"), request__ended_at=None, state__in=STILL_OPEN
    )
    asked = still.order_by().values("merchant")
    own = asked.filter(currency=OuterRef("currency"))
    row = Merchant.objects.filter(pk=merchant.pk).values_list(
        *(
            Coalesce(Subquery(found), 0)
            for found in (
                head,
                waiting.values("n"),
                refused.values("n"),
                asked.annotate(n=Count("pk")).values("n"),
                own.annotate(minor=Sum("amount_minor")).values("minor"),
            )
        )
    )
    return _Standing._make(int(number) for number in row.get())


def _taken(merchant: Merchant, day: date) -> list[Taken]:
    """Return today per currency; the shop's own stands first, sold in or not."""
    first = day - timedelta(days=TREND_DAYS - 1)
    by_currency: dict[str, list[Day]] = defaultdict(list)
    for row in taken_on(merchant=merchant, first=first, last=day):
        by_currency[row.currency].append(row)
    foreign = sorted(set(by_currency) - {merchant.currency})
    return [_taken_in(code, by_currency[code], first) for code in (merchant.currency, *foreign)]


def _taken_in(currency: str, rows: Iterable[Day], first: date) -> Taken:
    trend, today = [0] * TREND_DAYS, Sums()
    for row in rows:
        place = (row.business_date - first).days
        trend[place] += row.sums.net_minor
        if place == TREND_DAYS - 1:
            today = today.plus(row.sums)
    return Taken(
        currency=currency,
        net_minor=trend[-1],
        sales=today.sales,
        reversals=today.reversals,
        refunds=today.refunds,
        trend=trend if any(trend) else [],
    )


def days_of(*, merchant: Merchant, month: date) -> list[Day]:
    """Return the days of the month that begins on ``month`` on which money moved, newest first."""
    end = (month + timedelta(days=31)).replace(day=1)
    rows = taken_on(merchant=merchant, first=month, last=end - timedelta(days=1))
    return sorted(rows, key=lambda row: row.business_date, reverse=True)
