"""Whose a page is: the shop the person works for or chose, or the issuer of its address."""

from typing import cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.paging import newest_first
from config.people.access import SignedInRequest, right_required
from config.portal import filters, sheets
from config.refusals import Forbidden, NotFound
from config.roles import Right, TenantKind
from issuers.models import Issuer
from issuers.selectors import issuers_visible_to
from merchants.models import Merchant, Store
from merchants.selectors.shops import merchants_visible_to
from settlement.portal.sheets import SHOPS

PAGES = {"payment-live", "merchant-days", "merchant-offline", "payout-list", "merchant-report"}


def shop_of(request: HttpRequest, right: Right = Right.SEE_PAYMENTS) -> Merchant | None:
    """Return the merchant of the address, else the one the person works for; None to choose.

    :raises Http404: unknown, or one at which the person does not have ``right``
    :raises Forbidden: the person works for no merchant at all
    """
    person = cast("SignedInRequest", request)
    assert person.membership is not None, "right_required asked for it"
    visible = merchants_visible_to(person.user, right)
    if asked := filters.typed(request, "merchant"):
        return get_object_or_404(visible, reference=asked)
    kind = person.membership.tenant_kind
    if kind == TenantKind.MERCHANT:
        return get_object_or_404(visible, reference=person.membership.tenant)
    if kind != TenantKind.PLATFORM:
        raise Forbidden(_("This page belongs to merchants. Yours are batches and the search."))
    return None


def merchant_for(request: HttpRequest, reference: str, right: Right) -> Merchant:
    """Return the merchant of the address if the person has ``right`` there; foreign: as absent."""
    person = cast("SignedInRequest", request)
    return get_object_or_404(merchants_visible_to(person.user, right), reference=reference)


def store_asked(request: HttpRequest, stores: list[Store]) -> Store:
    """Return the store of the address, or of the form; the first one where neither names any.

    :raises NotFound: the merchant has no such store in use
    """
    asked = request.POST.get("store", "") or filters.typed(request, "store")
    fitting = [store for store in stores if asked in ("", store.reference)]
    if not fitting:
        raise NotFound
    return fitting[0]


def issuer_for(request: HttpRequest, reference: str, right: Right) -> Issuer:
    """Return the issuer if the person has ``right`` there; foreign looks like absent (404).

    A page belongs to the tenant the person works for now: what it offers is judged by that role.

    :raises NotFound: it is not the issuer the person works for now
    """
    person = cast("SignedInRequest", request)
    if person.membership is not None and person.membership.tenant not in ("", reference):
        raise NotFound
    return get_object_or_404(issuers_visible_to(person.user, right), reference=reference)


def may_choose(request: HttpRequest) -> bool:
    """Return whether the person has more shops than one to look at."""
    memberships = cast("SignedInRequest", request).memberships
    kinds = [membership.tenant_kind for membership in memberships]
    return TenantKind.PLATFORM in kinds or kinds.count(TenantKind.MERCHANT) > 1


def choose(request: HttpRequest, *, page: str) -> HttpResponse:
    """Return the way to the list of shops, and from there to the page named ``page``."""
    return redirect(f"{reverse('payment-shops')}?{urlencode({'to': page})}")


@right_required(Right.SEE_PAYMENTS)
@require_safe
def payment_shops(request: HttpRequest) -> HttpResponseBase:
    """List the shops whose sales the person may see, each a link to them."""
    rows = merchants_visible_to(cast("SignedInRequest", request).user, Right.SEE_PAYMENTS)
    typed = filters.typed(request, "q")
    if typed:
        rows = rows.filter(name__icontains=typed)
    if sheets.wanted(request):
        return sheets.download(request, name="shops", rows=rows, sheet=SHOPS)
    asked = request.GET.get("to", "")
    told = {
        "page": newest_first(rows=rows, request=request),
        "typed": typed,
        "to": asked if asked in PAGES else "payment-live",
        "kept": [("to", asked)] if asked in PAGES else [],
    }
    return render(request, "settlement/shops.html", told)
