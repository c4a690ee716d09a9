"""The blacklist: which cards are listed, why, and how far phones and readers have heard of it."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from config.people.access import right_required
from config.roles import Right
from issuers import selectors
from issuers.models import BlacklistEntry
from issuers.portal import filters, toasts, words
from issuers.portal.ordering import in_order
from issuers.portal.places import issuer_for, offers
from issuers.selectors import coverage
from issuers.selectors.listings import VIEWS, counts_of, in_view

SORTS = {"since": "listed_at", "card": "card__last4", "reason": "reason"}
SINCE_DAYS = {"1": 1, "7": 7, "30": 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry as the page shows it. ``version``: the one that carries its newest change."""

    entry: BlacklistEntry
    mark: words.Mark
    reason: str
    kind: str
    by: str
    phones: int
    reached: int
    version: int | None
    holding: int
    exposure_minor: int


@right_required(Right.SEE_BLACKLIST)
@require_GET
def blacklist_page(request: HttpRequest, issuer: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    view = filters.view_of(request, VIEWS)
    rows = _filtered(request, in_view(issuer=row, view=view))
    page = in_order(rows=selectors.with_reach(rows), request=request, sorts=SORTS)
    covered = coverage.coverage_of(issuer=row)
    context = {
        "issuer": row,
        "page": page,
        "lines": _lines(page.rows, covered),
        "covered": covered,
        "counts": counts_of(issuer=row),
        "may_block": offers(request, Right.BLOCK_CARDS),
        "toast": toasts.told(request),
    }
    return render(request, "issuers/blacklist.html", context | _toolbar(request, context["counts"], view))


@right_required(Right.SEE_BLACKLIST)
@require_GET
def reach(request: HttpRequest, issuer: str) -> HttpResponse:
    """Answer a page that is open with how far the entries it shows have got by now."""
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    shown = [int(typed) for typed in request.GET.get("ids", "").split(".") if typed.isdecimal()]
    rows = selectors.with_reach(in_view(issuer=row, view="all").filter(pk__in=shown[:100]))
    covered = coverage.coverage_of(issuer=row)
    context = {
        "issuer": row,
        "lines": _lines(list(rows), covered),
        "covered": covered,
        "counts": counts_of(issuer=row),
        "oob": True,
    }
    return render(request, "issuers/blacklist.html#moving", context)


def _filtered(request: HttpRequest, rows: QuerySet[BlacklistEntry]) -> QuerySet[BlacklistEntry]:
    reason, since = request.GET.get("reason", ""), request.GET.get("since", "")
    asked = request.GET.get("q", "").strip()
    wanted = Q()
    if reason in words.reasons():
        wanted &= Q(reason=reason)
    if since in SINCE_DAYS:
        wanted &= Q(listed_at__gte=timezone.now() - timedelta(days=SINCE_DAYS[since]))
    if asked:
        wanted &= Q(card__in=_cards(rows, asked))
    return rows.filter(wanted)
