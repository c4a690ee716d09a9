"""Redemptions of a sponsor's campaigns line by line, and what the sponsor owes for them."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from benefits.models import Lock
from benefits.portal import typed, words
from benefits.portal.places import owner_for
from benefits.portal.sheets import REDEMPTIONS
from benefits.selectors import campaigns, lines, statements
from benefits.selectors.campaigns import Owner
from benefits.selectors.redemptions import Pace
from config import exports
from config.exports import Cell
from config.paging import newest_first
from config.people.access import right_required
from config.portal import filters, sheets
from config.roles import Right

DAYS_MAX: Final = 366
SHOWN_MAX: Final = 400  # rows of a statement's page; the file has all
CAMPAIGNS_MAX: Final = 50  # that the filter offers; any other by the link on its page
VIEWS: Final = {
    "all": gettext_lazy("All"),
    "redeemed": gettext_lazy("Redeemed"),
    "held": gettext_lazy("At the till"),
    "released": gettext_lazy("Given back"),
}
_STATES: Final = {
    "redeemed": Lock.State.COMMITTED,
    "held": Lock.State.HELD,
    "released": Lock.State.RELEASED,
}


class Days(NamedTuple):
    """Days from ``since`` to ``until``, both of them in, in the sponsor's zone."""

    since: date
    until: date

    def moments(self, zone: str) -> tuple[datetime, datetime]:
        """Return the first moment in, and the first after."""
        return typed.midnight(self.since, zone), typed.midnight(self.until, zone, days_after=1)


@right_required(Right.SEE_BENEFITS)
@require_safe
def redemption_list(request: HttpRequest, owner: str) -> HttpResponseBase:
    """List the lines that took something off purchases, newest first."""
    who = owner_for(request, owner, Right.SEE_BENEFITS)
    view = filters.view_of(request, VIEWS)
    rows, chips, offers = _filtered(request, who, view)
    if sheets.wanted(request):
        return _file(request, who, rows)
    page = newest_first(rows=rows, request=request)
    context = {
        "owner": who,
        "page": page,
        "listed": [
            (
                each,
                words.LINE_LOOKS[Lock.State(each.state)],
                words.TENDERS.get(each.redemption.tender, ""),
            )
            for each in page.rows
        ],
        "tabs": filters.tabs(request, labels=VIEWS, current=view),
        "chips": chips,
        "offers": offers,
        "asked": filters.typed(request, "q"),
        "kept": filters.kept(request, "view", "campaign", "paid"),
        "query": request.GET.urlencode(),
    }
    return render(request, "benefits/redemption_list.html", context)


@right_required(Right.SEE_BENEFITS)
@require_safe
def redemption_file(request: HttpRequest, owner: str) -> HttpResponseBase:
    """Hand out the lines that the list shows as CSV."""
    who = owner_for(request, owner, Right.SEE_BENEFITS)
    rows, _chips, _offers = _filtered(request, who, filters.view_of(request, VIEWS))
    return _file(request, who, rows)


def _file(request: HttpRequest, owner: Owner, rows: QuerySet[Lock]) -> HttpResponseBase:
    name = f"redemptions-{owner.reference}"
    return sheets.download(request, name=name, rows=rows, sheet=REDEMPTIONS)


def _filtered(
    request: HttpRequest, owner: Owner, view: str
) -> tuple[QuerySet[Lock], list[filters.Chip], list[filters.Offer]]:
    rows = lines.redeemed(owner=owner.reference)
    if view in _STATES:
        rows = rows.filter(state=_STATES[view])
    names = {"campaign": _("Campaign"), "paid": _("Paid by")}
    values = {
        "campaign": _offered(owner, request.GET.get("campaign", "")),
        "paid": {key: str(word) for key, word in words.TENDERS.items()},
    }
    if (asked := request.GET.get("campaign", "")) in values["campaign"]:
        rows = rows.filter(holding__definition__reference=asked)
    if (paid := request.GET.get("paid", "")) in values["paid"]:
        rows = rows.filter(redemption__tender=paid)
    if document := filters.typed(request, "q"):
        rows = rows.filter(redemption__document=document)
    return (
        rows,
        filters.chips_of(request, names=names, values=values),
        filters.offers_of(request, names=names, values=values),
    )


def _offered(owner: Owner, asked: str) -> dict[str, str]:
    """Return the campaigns that the filter offers, newest first, the one asked for among them."""
    mine = campaigns.campaigns_of(owner=owner.reference).order_by("-pk")
    rows = [*mine[:CAMPAIGNS_MAX], *mine.filter(reference=asked)]
    return {each.reference: each.name for each in rows}


@right_required(Right.SEE_BENEFITS)
@require_safe
def sponsor_statement(request: HttpRequest, owner: str) -> HttpResponse:
    """Show what the sponsor owes by campaign and day, and how fast merchants redeem."""
    who = owner_for(request, owner, Right.SEE_BENEFITS)
    days = _days(request, who)
    since, until = days.moments(who.time_zone)
    found = statements.days_of(owner=who.reference, since=since, until=until, zone=who.time_zone)
    context = {
        "owner": who,
        "days": days,
        "rows": found[:SHOWN_MAX],
        "rows_in_all": len(found),
        "totals": statements.totals_of(days=found),
        "paces": _paces(who, days, since, until),
        "query": f"?from={days.since}&to={days.until}",
    }
    return render(request, "benefits/statement.html", context)


@right_required(Right.SEE_BENEFITS)
@require_safe
def statement_file(request: HttpRequest, owner: str) -> HttpResponseBase:
    """Hand out the statement as CSV; the column Owed adds up to what is owed."""
    who = owner_for(request, owner, Right.SEE_BENEFITS)
    days = _days(request, who)
    since, until = days.moments(who.time_zone)
    found = statements.days_of(owner=who.reference, since=since, until=until, zone=who.time_zone)
    name = f"statement-{who.reference}-{days.since}-{days.until}"
    return exports.download(name=name, rows=_statement_lines(found))


def _statement_lines(found: list[statements.Day]) -> Iterator[list[Cell]]:
    yield [
        *(_("Day"), _("Campaign"), _("Name"), _("Currency"), _("Redemptions")),
        *(_("Taken"), _("Came back"), _("Owed")),
    ]
    for each in found:
        amounts = (each.taken_minor, each.back_minor, each.owed_minor)
        yield [
            *(each.day, each.campaign, each.name, each.currency, each.redemptions),
            *(exports.amount(minor, each.currency) for minor in amounts),
        ]


class _Merchant(NamedTuple):
    """How fast one merchant redeems: in all, a day, and the part that was confirmed as cash."""

    pace: Pace
    a_day: str
    cash: str


def _paces(owner: Owner, days: Days, since: datetime, until: datetime) -> list[_Merchant]:
    count = (days.until - days.since).days + 1
    found = statements.paces_of(owner=owner.reference, since=since, until=until)
    return [
        _Merchant(
            pace=each,
            a_day=f"{each.redemptions / count:,.1f}",
            cash=words.percent(each.cash_bps),
        )
        for each in found[:SHOWN_MAX]
    ]


def _days(request: HttpRequest, owner: Owner) -> Days:
    """Return the days of the address, at most a year of them; without them the last 30."""
    today = timezone.now().astimezone(ZoneInfo(owner.time_zone)).date()
    until = _day(request, "to") or today
    since = _day(request, "from") or until - timedelta(days=29)
    since = min(since, until)
    return Days(max(since, until - timedelta(days=DAYS_MAX - 1)), until)


def _day(request: HttpRequest, name: str) -> date | None:
    try:
        found = parse_date(request.GET.get(name, ""))
    except ValueError:
        return None
    # Midnights about the ends of the calendar are in no zone.
    return found if found and 1970 < found.year < 9999 else None
