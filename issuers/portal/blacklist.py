"""The blacklist: which cards are listed, why, and how far phones and readers have heard of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from config.people.access import right_required
from config.portal import filters, sheets
from config.roles import Right
from issuers import selectors
from issuers.models import BlacklistEntry, Card, Issuer
from issuers.portal import toasts, words
from issuers.portal.ordering import in_order
from issuers.portal.places import issuer_for, offers
from issuers.portal.sheets import BLACKLIST
from issuers.selectors import coverage, listings
from issuers.selectors.authors import authors_of
from issuers.selectors.coverage import Coverage
from wallets.selectors.holders import cards_found

SORTS = {"since": "listed_at", "card": "card__last4", "reason": "reason"}
SINCE_DAYS = {"1": 1, "7": 7, "30": 30}
POLLED_AT_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An entry as the page shows it; ``holding``: the readers that hold its ``version``."""

    entry: BlacklistEntry
    mark: words.Mark
    reason: str
    kind: str
    by: str
    version: int | None
    holding: int


@right_required(Right.SEE_BLACKLIST)
@require_GET
def blacklist_page(request: HttpRequest, issuer: str) -> HttpResponseBase:
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    view = filters.view_of(request, listings.VIEWS)
    rows = listings.in_view(issuer=row, view=view).filter(_wanted(request, row))
    if sheets.wanted(request):
        return sheets.download(
            request, name="blacklist", rows=selectors.with_reach(rows), sheet=BLACKLIST
        )
    page = in_order(
        rows=selectors.with_reach(rows),
        whole=listings.in_view(issuer=row, view="all"),
        request=request,
        sorts=SORTS,
    )
    context = _moving(row, page.rows) | {
        "page": page,
        "asked": request.GET.get("q", ""),
        "may_block": offers(request, Right.BLOCK_CARDS),
        "toast": toasts.told(request),
    }
    context |= _toolbar(request, view=view, counts=context["counts"])
    return render(request, "issuers/blacklist.html", context)


@right_required(Right.SEE_BLACKLIST)
@require_GET
def reach(request: HttpRequest, issuer: str) -> HttpResponse:
    """Tell a page that is open how far the entries it shows have got by now."""
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    asked = request.GET.get("ids", "").split(".")[:POLLED_AT_MOST]
    shown = [int(typed) for typed in asked if typed.isdecimal() and len(typed) < 19]
    rows = listings.in_view(issuer=row, view="all").filter(pk__in=shown)
    context = _moving(row, list(selectors.with_reach(rows))) | {"oob": True}
    return render(request, "issuers/blacklist.html#moving", context)


def _wanted(request: HttpRequest, issuer: Issuer) -> Q:
    """Return the filter of the address: reason, days since, and what was searched for."""
    reason, since = request.GET.get("reason", ""), request.GET.get("since", "")
    asked = request.GET.get("q", "").strip()
    wanted = Q()
    if reason in words.reasons():
        wanted &= Q(reason=reason)
    if since in SINCE_DAYS:
        wanted &= Q(listed_at__gte=timezone.now() - timedelta(days=SINCE_DAYS[since]))
    if asked:
        found = cards_found(cards=Card.objects.filter(issuer=issuer), typed=asked)
        wanted &= Q(card__in=found)
    return wanted


def _moving(issuer: Issuer, rows: Sequence[BlacklistEntry]) -> dict[str, Any]:
    """Return what changes while the page is open: each entry's reach, and the sums of the head."""
    covered = coverage.coverage_of(issuer=issuer)
    return {
        "issuer": issuer,
        "lines": _lines(rows, covered),
        "covered": covered,
        "share": words.percent(covered.current, covered.readers),
        "counts": listings.counts_of(issuer=issuer),
        "polled_ids": ".".join(str(row.pk) for row in rows),
    }


def _lines(rows: Sequence[BlacklistEntry], covered: Coverage) -> list[Line]:
    by = authors_of(names=[row.listed_by for row in rows])
    kinds = words.kinds()
    return [
        Line(
            entry=row,
            mark=words.of_entry(row, row.delivery),  # type: ignore[attr-defined]  # annotated
            reason=words.why_listed(row),
            kind=kinds[row.card.programme.kind],
            by=by.get(row.listed_by, ""),
            version=(version := _version(row)),
            holding=covered.holding(version) if version else 0,
        )
        for row in rows
    ]


def _version(row: BlacklistEntry) -> int | None:
    """Return the version that carries the entry's newest change; None while none does."""
    name = "lifted_in" if row.lifted_at else "listed_in"
    version: int | None = getattr(row, name)
    return version


def _toolbar(request: HttpRequest, *, view: str, counts: dict[str, int]) -> dict[str, Any]:
    days = {
        "1": _("last 24 hours"),
        "7": _("last 7 days"),
        "30": _("last 30 days"),
    }
    labels = {
        "listed": _("Listed"),
        "waiting": _("Not yet applied"),
        "undelivered": _("Undelivered"),
        "lifted": _("Lifted"),
        "all": _("All"),
    }
    names = {"reason": _("Reason"), "since": _("Since")}
    values = {"reason": words.reasons(), "since": days}
    return {
        "tabs": filters.tabs(request, labels=labels, current=view, counts=counts),
        "chips": filters.chips_of(request, names=names, values=values),
        "offers": filters.offers_of(request, names=names, values=values),
        "kept": filters.kept(request, "view", "sort", "reason", "since"),
    }
