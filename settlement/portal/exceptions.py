"""Queues of exceptions: what postings met that an issuer, or for a shop the desk, must explain."""

from dataclasses import dataclass
from typing import Final, NamedTuple, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from config.paging import address
from config.people.access import SignedInRequest, actor_of, right_required
from config.portal import filters, sheets
from config.refusals import Forbidden
from config.roles import Right, TenantKind
from issuers.selectors import issuers_visible_to
from merchants.selectors.shops import merchants_visible_to
from settlement.models import ExceptionItem
from settlement.models.batches import CLOSED_ACCOUNT, OF_SHOPS
from settlement.portal import endings, words
from settlement.portal.places import issuer_for
from settlement.portal.sheets import EXCEPTIONS
from settlement.selectors import queues
from settlement.services import resolutions

VIEWS: Final = {
    "open": gettext_lazy("Open"),
    "resolved": gettext_lazy("Resolved"),
    "all": gettext_lazy("All"),
}
OPEN: Final = words.Look("warn", gettext_lazy("Open"))
RESOLVED: Final = words.Look("ok", gettext_lazy("Resolved"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An exception as the queue draws it."""

    item: ExceptionItem
    look: words.Look
    kind: str | Promise
    detail: str


@right_required(Right.SEE_BATCHES)
@require_safe
def exception_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    """List the exceptions, newest first: those nobody has explained, unless asked for others."""
    row = issuer_for(request, issuer, Right.SEE_BATCHES)
    view = filters.view_of(request, VIEWS)
    asked = filters.typed(request, "kind")
    kind = asked if asked in words.EXCEPTIONS else ""
    found = queues.exceptions_of(issuer=row.reference, view=view, kind=kind)
    if sheets.wanted(request):
        return sheets.download(request, name="exceptions", rows=found, sheet=EXCEPTIONS)
    counts = queues.exception_counts(issuer=row.reference)
    label = str(words.EXCEPTIONS.get(kind, ""))
    context = endings.queue(request, found=found, labels=VIEWS, counts=counts)
    context |= {
        "issuer": row,
        "rows": [row_of(item, time_zone=row.time_zone) for item in context["page"].rows],
        "chips": [filters.chip(request, "kind", _("Kind"), label)] if kind else [],
        "offers": [] if kind else _offers(request),
    }
    return render(request, "settlement/exception_list.html", context)


@right_required(Right.RESOLVE_EXCEPTIONS)
@require_http_methods(["GET", "POST"])
def exception_resolve(request: HttpRequest, issuer: str, item: int) -> HttpResponse:
    """Ask how an exception is explained, and take it out of the queue with the answer."""
    row = issuer_for(request, issuer, Right.RESOLVE_EXCEPTIONS)
    rows = queues.exceptions_of(issuer=row.reference, view="all")
    held = get_object_or_404(rows, pk=item)
    back = Back(reverse("exceptions", args=[row.reference]), _("Exceptions"))
    return _resolve(request, held, back=back, time_zone=row.time_zone)


@right_required(Right.RESOLVE_EXCEPTIONS)
@require_http_methods(["GET", "POST"])
def gap_resolve(request: HttpRequest, merchant: str, item: int) -> HttpResponse:
    """Ask how it is explained that a reader's batches never came, and close the gap with it.

    :raises Forbidden: the person works for no clearing desk
    """
    person = cast("SignedInRequest", request)
    assert person.membership is not None, "right_required asked for it"
    if person.membership.tenant_kind != TenantKind.PLATFORM:
        raise Forbidden(_("This page belongs to the clearing desk."))
    visible = merchants_visible_to(person.user, Right.RESOLVE_EXCEPTIONS)
    shop = get_object_or_404(visible, reference=merchant)
    held = get_object_or_404(queues.gaps_of(merchant=shop.reference), pk=item)
    address = f"{reverse('merchant-offline')}?{urlencode({'merchant': shop.reference})}"
    return _resolve(request, held, back=Back(address, _("Offline queue")), time_zone=shop.time_zone)


class Back(NamedTuple):
    """Where a person came from, and what that page is called."""

    url: str
    label: str


def _resolve(
    request: HttpRequest, held: ExceptionItem, *, back: Back, time_zone: str
) -> HttpResponse:
    form, done = endings.take(
        request,
        act=lambda said: resolutions.resolve(
            item=held, reason=said, at=timezone.now(), actor=actor_of(request)
        ),
    )
    if done:
        messages.success(request, _("The exception is resolved."))
        return redirect(back.url)
    context = {
        "back": back,
        "row": row_of(held, time_zone=time_zone),
        "form": form,
        "pays_out": held.kind == CLOSED_ACCOUNT,
    }
    return render(request, "settlement/exception_resolve.html", context)


@right_required(Right.SEE_BATCHES)
@require_safe
def queue_list(request: HttpRequest) -> HttpResponse:
    """List the issuers with what waits at each; who works for one is led to its exceptions.

    :raises Forbidden: the person works for a shop
    """
    person = cast("SignedInRequest", request)
    assert person.membership is not None, "right_required asked for it"
    if person.membership.tenant_kind == TenantKind.ISSUER:
        return redirect("exceptions", issuer=person.membership.tenant)
    if person.membership.tenant_kind != TenantKind.PLATFORM:
        raise Forbidden(_("This page belongs to issuers and the clearing desk."))
    issuers = issuers_visible_to(person.user, Right.SEE_BATCHES)
    found = queues.issuers_with_waiting(issuers=issuers)
    shops = merchants_visible_to(person.user, Right.SEE_BATCHES)
    context = {"issuers": list(found), "shops": list(queues.shops_with_gaps(merchants=shops))}
    return render(request, "settlement/queue_list.html", context)


def row_of(item: ExceptionItem, *, time_zone: str) -> Row:
    """Return an exception in words, its times by the clock of ``time_zone``."""
    zone = ZoneInfo(time_zone)
    return Row(
        item=item,
        look=RESOLVED if item.resolved_at else OPEN,
        kind=words.EXCEPTIONS.get(item.kind, item.kind),
        detail=words.exception_detail(kind=item.kind, detail=item.detail, zone=zone),
    )


def _offers(request: HttpRequest) -> list[tuple[str | Promise, str]]:
    """Return a link for each kind the queue can be narrowed to."""
    return [
        (label, address(request, kind=kind))
        for kind, label in words.EXCEPTIONS.items()
        if kind not in OF_SHOPS
    ]
