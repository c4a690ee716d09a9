"""A shop's sales as its live screen shows them: list, changes since, and the day so far."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from config import events
from config.models import Device, EventHead
from merchants.models import Equipment, Merchant
from settlement.models import Batch, MerchantDay, Payment
from settlement.rules.sheet import business_date
from settlement.selectors.payments import live_rows
from settlement.selectors.typed import LOOK_BACK_DAYS, payments_matching

VIEWS: Final = ("", "today", "reversed", "borne")
TREND_DAYS: Final = 14
REFUSED_DAYS: Final = 7
_WITH: Final = ("merchant", "store", "device", "card")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a list of sales is narrowed to; each part may be left out.

    ``view``: one of ``VIEWS``; ``day``: a business day; ``device``: a reader's reference.
    """

    view: str = ""
    typed: str = ""
    day: date | None = None
    device: str = ""


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
    """What a shop took today in one currency; amounts in minor units, net of reversals."""

    currency: str
    net_minor: int = 0
    sales: int = 0
    reversals: int = 0
    trend: list[int] = field(default_factory=list)  # net per day, oldest first, today last


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """A shop's business day so far, what its readers still hold, and its uploads."""

    day: date
    head: int  # the number of the shop's newest event
    taken: list[Taken]
    devices: list[tuple[str, str]]  # reference and name, by name
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
    if asked.view == "today":
        rows = rows.filter(business_date=today)
    elif asked.view == "reversed":
        rows = rows.filter(state=Payment.State.REVERSED)
    elif asked.view == "borne":
        rows = rows.exclude(bearer=Payment.Bearer.CARDHOLDER)
    if asked.day:
        rows = rows.filter(business_date=asked.day)
    if asked.device:
        rows = rows.filter(device__reference=asked.device)
    if asked.typed:
        since = asked.day or today - timedelta(days=LOOK_BACK_DAYS)
        rows = payments_matching(
            rows, typed=asked.typed, currencies=[merchant.currency], since=since
        )
    return rows


def changed_since(
    *, merchant: Merchant, asked: Asked, seq: int, limit: int, at: datetime
) -> Changes:
    """
    Return the payments that the events after ``seq`` are about, up to ``limit`` events on.

    A payment that the list does not take is told too, so that a row it has can be redrawn.
    """
    told = live_rows(merchant=merchant.reference, after=seq, limit=limit)
    names = {event.subject for event in told if event.type.startswith("payment.")}
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
    head, posting, refused = _standing(merchant, since=at - timedelta(days=REFUSED_DAYS))
    devices = list(
        Equipment.objects.filter(merchant=merchant)
        .select_related("device")
        .order_by("device__name", "pk")
    )
    active = [item for item in devices if item.device.state == Device.State.ACTIVE]
    told = [item.unsent_count for item in active if item.unsent_count is not None]
    return Today(
        day=day,
        head=head,
        taken=_taken(merchant, day),
        devices=[(item.device.reference, item.device.name) for item in devices],
        active=len(active),
        telling=len(told),
        queued=sum(told),
        posting=posting,
        refused=refused,
    )


def _standing(merchant: Merchant, *, since: datetime) -> tuple[int, int, int]:
    """Return the shop's newest event number, its batches that wait and those refused ``since``."""
    counted = Batch.objects.filter(merchant=OuterRef("pk")).order_by().values("merchant")
    counted = counted.annotate(n=Count("pk"))
    waiting = counted.filter(state=Batch.State.RECEIVED)
    refused = counted.filter(state=Batch.State.REFUSED, received_at__gte=since)
    head = EventHead.objects.filter(scope=OuterRef("reference")).values("seq")
    row = Merchant.objects.filter(pk=merchant.pk).values_list(
        Coalesce(Subquery(head), 0),
        Coalesce(Subquery(waiting.values("n")), 0),
        Coalesce(Subquery(refused.values("n")), 0),
    )
    newest, posting, turned_away = row.get()
    return int(newest), int(posting), int(turned_away)


def _taken(merchant: Merchant, day: date) -> list[Taken]:
    """Return today per currency; the shop's own stands first, sold in or not."""
    first = day - timedelta(days=TREND_DAYS - 1)
    rows = MerchantDay.objects.filter(merchant=merchant, business_date__range=(first, day))
    by_currency: dict[str, list[MerchantDay]] = defaultdict(list)
    for row in rows:
        by_currency[row.currency].append(row)
    foreign = sorted(set(by_currency) - {merchant.currency})
    return [_taken_in(code, by_currency[code], first) for code in (merchant.currency, *foreign)]


def _taken_in(currency: str, rows: list[MerchantDay], first: date) -> Taken:
    trend, sales, reversals = [0] * TREND_DAYS, 0, 0
    for row in rows:
        place = (row.business_date - first).days
        trend[place] += row.sales_minor - row.reversals_minor
        if place == TREND_DAYS - 1:
            sales, reversals = sales + row.sales, reversals + row.reversals
    return Taken(
        currency=currency,
        net_minor=trend[-1],
        sales=sales,
        reversals=reversals,
        trend=trend if any(trend) else [],
    )


def days_of(*, merchant: Merchant, month: date) -> list[MerchantDay]:
    """Return the days with sales in the month that begins on ``month``, newest first."""
    end = (month + timedelta(days=31)).replace(day=1)
    rows = MerchantDay.objects.filter(
        merchant=merchant, business_date__gte=month, business_date__lt=end
    )
    return list(rows.order_by("-business_date", "channel", "currency"))
