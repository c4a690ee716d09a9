"""Merchants: the platform's list, a new one, and the settings of one."""

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from config.paging import newest_first
from config.people.access import actor_of, right_required
from config.portal import sheets
from config.refusals import Refused
from config.roles import Right
from merchants.models import Merchant
from merchants.portal.forms import MerchantForm, NewMerchantForm, SuspendForm
from merchants.portal.sheets import MERCHANTS
from merchants.selectors import shops
from merchants.services import merchants, onboarding


def merchant_for(request: HttpRequest, reference: str, right: Right) -> Merchant:
    """Return the merchant if the person has ``right`` there; foreign looks like absent (404)."""
    return get_object_or_404(shops.merchants_visible_to(request.user, right), reference=reference)


@right_required(Right.EDIT_MERCHANTS)
@require_GET
def merchant_list(request: HttpRequest) -> HttpResponseBase:
    rows = shops.merchants_visible_to(request.user, Right.EDIT_MERCHANTS)
    asked = request.GET.get("q", "").strip()
    if asked:
        rows = rows.filter(name__icontains=asked)
    if sheets.wanted(request):
        return sheets.download(request, name="merchants", rows=rows, sheet=MERCHANTS)
    page = newest_first(rows=rows, request=request)
    return render(request, "merchants/merchant_list.html", {"page": page, "asked": asked})


@right_required(Right.EDIT_MERCHANTS)
@require_http_methods(["GET", "POST"])
def merchant_add(request: HttpRequest) -> HttpResponse:
    form = NewMerchantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = onboarding.add(**form.cleaned_data, actor=actor_of(request), at=timezone.now())
        return render(
            request, "merchants/key_made.html", {"token": made.api_key, "merchant": made.merchant}
        )
    return render(request, "merchants/merchant_add.html", {"form": form})


@right_required(Right.EDIT_SHOP)
@require_http_methods(["GET", "POST"])
def merchant_edit(request: HttpRequest, merchant: str) -> HttpResponse:
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    initial = {
        "time_zone": row.time_zone,
        "blacklist_max_age_h": max(1, row.blacklist_max_age_s // 3600),
    }
    form = MerchantForm(request.POST or None, instance=row, initial=initial)
    if request.method == "POST" and form.is_valid():
        hours = form.cleaned_data.pop("blacklist_max_age_h")
        merchants.edit(
            merchant=row,
            **form.cleaned_data,
            blacklist_max_age_s=hours * 3600,
            actor=actor_of(request),
            at=timezone.now(),
        )
        messages.success(request, _("Settings saved."))
        return redirect("merchant-edit", merchant=row.reference)
    return render(request, "merchants/merchant_edit.html", {"form": form, "merchant": row})


@right_required(Right.EDIT_MERCHANTS)
@require_POST
def merchant_suspend(request: HttpRequest, merchant: str) -> HttpResponse:
    row = merchant_for(request, merchant, Right.EDIT_MERCHANTS)
    form = SuspendForm(request.POST)
    if not form.is_valid():  # the page's own field takes nothing that is refused here
        raise BadRequest
    merchants.suspend(
        merchant=row,
        reason=form.cleaned_data["reason"],
        actor=actor_of(request),
        at=timezone.now(),
    )
    messages.success(request, _("Suspended: its devices are refused from their next request on."))
    return redirect("merchant-list")


@right_required(Right.EDIT_MERCHANTS)
@require_POST
def merchant_resume(request: HttpRequest, merchant: str) -> HttpResponse:
    row = merchant_for(request, merchant, Right.EDIT_MERCHANTS)
    merchants.resume(merchant=row, actor=actor_of(request), at=timezone.now())
    messages.success(request, _("The merchant goes on."))
    return redirect("merchant-list")


def form_refused(form: object, refusal: Refused) -> None:
    """Show a refusal of the domain above the form it came from."""
    form.add_error(None, refusal.detail)  # type: ignore[attr-defined]
