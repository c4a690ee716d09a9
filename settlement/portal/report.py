"""Offline against online (mission 1.16): the report of a shop, or of all that the desk sees."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config import exports
from config.exports import Cell
from config.people.access import SignedInRequest, right_required
from config.roles import Right
from config.templatetags.figures import span
from merchants.models import Merchant
from settlement.portal import words
from settlement.portal.payouts import day_typed
from settlement.portal.places import may_choose, shop_of
from settlement.rules.sheet import business_date
from settlement.selectors import report
from settlement.selectors.report import Mean, Range, RangeInvalid, Report

SHOPS_SHOWN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the report: ``value`` None where nothing was counted."""

    label: str | Promise
    value: str | None
    n: int
    how: str | Promise


class _Asked(NamedTuple):
    """Whose report, over which days; ``refusal`` where the days typed are none."""

    shop: Merchant | None
    days: Range
    refusal: str

    @property
    def merchants(self) -> Collection[int] | None:
        return None if self.shop is None else [self.shop.pk]


@right_required(Right.SEE_PAYOUTS)
@require_safe
def merchant_report(request: HttpRequest) -> HttpResponse:
    """Show the report over ``?from=`` to ``?to=``, business days; without them the last 30."""
    asked = _asked(request)
    shops = [] if asked.shop else report.by_merchant(merchants=None, days=asked.days)
    context = {
        "merchant": asked.shop,
        "days": asked.days,
        "refusal": asked.refusal,
        "most": report.DAYS_MAX,
        "reports": [
            (each, figures_of(each))
            for each in report.of(merchants=asked.merchants, days=asked.days)
        ],
        "shops": [_shop(each) for each in shops[:SHOPS_SHOWN]],
        "shops_in_all": len(shops),
        "may_choose": may_choose(request),
        "query": _query(asked),
    }
    return render(request, "settlement/report.html", context)


@right_required(Right.SEE_PAYOUTS)
@require_safe
def merchant_report_file(request: HttpRequest) -> HttpResponseBase:
    """Hand out the report as CSV: a row per shop and currency, each figure beside its count."""
    asked = _asked(request)
    name = f"report-{asked.days.since}-{asked.days.until}"
    return exports.download(name=name, rows=_lines(asked))


def figures_of(of: Report) -> list[Figure]:
    """Return the report's figures with their counts, and how each is computed."""
    saved = words.amount(of.saved.minor, of.currency) if of.saved.n else None
    return [
        Figure(
            label=_("Paid offline"),
            value=words.amount(of.offline.minor, of.currency) if of.offline.n else None,
            n=of.offline.n,
            how=_("The sum of sales that the reader approved itself, less those taken back."),
        ),
        Figure(
            label=_("Paid online"),
            value=words.amount(of.online.minor, of.currency) if of.online.n else None,
            n=of.online.n,
            how=_("The sum of sales that the portal approved, less those taken back."),
        ),
        Figure(
            label=_("Offline share of the number"),
            value=_percent(of.share_of_count),
            n=of.n,
            how=_("Sales paid offline, divided by all."),
        ),
        Figure(
            label=_("Offline share of the amount"),
            value=_percent(of.share_of_amount),
            n=of.n,
            how=_("The sum paid offline, divided by the whole."),
        ),
        Figure(label=_("Saved fees"), value=saved, n=of.saved.n, how=_HOW_SAVED),
        Figure(
            label=_("Mean approval time online"),
            value=_seconds(of.online_time),
            n=of.online_time.n,
            how=_HOW_ONLINE,
        ),
        Figure(
            label=_("Mean approval time offline"),
            value=_seconds(of.offline_time),
            n=of.offline_time.n,
            how=_HOW_OFFLINE,
        ),
        Figure(
            label=_("Mean time until posted, offline"),
            value=_span(of.posted_after),
            n=of.posted_after.n,
            how=_("From the reader's time of the tap to the posting of its batch."),
        ),
    ]


_HOW_SAVED: Final = gettext_lazy(
    "For each sale paid offline: its fee had it been approved online, by the agreement in force at "
    "its tap, less the fee it carries; added up."
)
_HOW_ONLINE: Final = gettext_lazy(
    "Of a tap from the reader's time, told in whole seconds, to the portal's decision, the clocks "
    "of both as they are; of a T-ID from the arrival of the customer's consent to the decision."
)
_HOW_OFFLINE: Final = gettext_lazy(
    "From the tap to the reader's approval, by the record's own time: the reader approves within "
    "the exchange of the tap and notes one time, in whole seconds, for both."
)


class _Shop(NamedTuple):
    """One shop's line below the figures of all."""

    report: Report
    share: str | None
    saved: str | None
    online: str | None
    offline: str | None


def _shop(of: Report) -> _Shop:
    return _Shop(
        report=of,
        share=_percent(of.share_of_count),
        saved=words.amount(of.saved.minor, of.currency) if of.saved.n else None,
        online=_seconds(of.online_time),
        offline=_seconds(of.offline_time),
    )


def _asked(request: HttpRequest) -> _Asked:
    """Return what the address asks for; days that cannot be reported fall back, and say so."""
    shop = shop_of(request, Right.SEE_PAYOUTS)
    zone = shop.time_zone if shop else cast("SignedInRequest", request).time_zone
    today = business_date(at=int(timezone.now().timestamp()), time_zone=zone)
    since, until = day_typed(request, "from"), day_typed(request, "to")
    try:
        return _Asked(shop, report.days_of(since=since, until=until, today=today), "")
    except RangeInvalid as refusal:
        return _Asked(
            shop, report.days_of(since=None, until=None, today=today), str(refusal.detail)
        )


def _query(asked: _Asked) -> str:
    shop = f"merchant={asked.shop.reference}&" if asked.shop else ""
    return f"?{shop}from={asked.days.since}&to={asked.days.until}"


def _lines(asked: _Asked) -> Iterator[list[Cell]]:
    yield [
        *(_("Merchant"), _("Name"), _("From"), _("To"), _("Currency")),
        *(_("Offline sales"), _("Offline amount"), _("Online sales"), _("Online amount")),
        *(_("Offline share of the number"), _("Offline share of the amount")),
        *(_("Saved fees"), _("Saved fees counted")),
        *(_("Approval online, ms"), _("Approval online counted")),
        *(_("Approval offline, ms"), _("Approval offline counted")),
        *(_("Posted after, ms"), _("Posted after counted")),
    ]
    for of in report.by_merchant(merchants=asked.merchants, days=asked.days):
        yield [
            *(of.merchant, of.name, *asked.days, of.currency),
            *(of.offline.n, exports.amount(of.offline.minor, of.currency)),
            *(of.online.n, exports.amount(of.online.minor, of.currency)),
            *(exports.share(of.share_of_count), exports.share(of.share_of_amount)),
            exports.amount(of.saved.minor, of.currency) if of.saved.n else None,
            of.saved.n,
            *(*of.online_time, *of.offline_time, *of.posted_after),
        ]


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"


def _seconds(mean: Mean) -> str | None:
    return None if mean.ms is None else f"{mean.ms / 1000:,.2f} s".replace("-", "\N{MINUS SIGN}")


def _span(mean: Mean) -> str | None:
    return None if mean.ms is None else span(mean.ms / 1000)
