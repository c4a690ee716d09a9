"""Stores of a merchant."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from config.paging import newest_first
from config.people.access import actor_of, right_required
from config.portal import sheets
from config.roles import Right
from merchants.portal.forms import StoreForm
from merchants.portal.merchants import form_refused, merchant_for
from merchants.portal.sheets import STORES
from merchants.services import merchants
from merchants.services.merchants import StoreNameTaken


@right_required(Right.EDIT_SHOP)
@require_GET
def store_list(request: HttpRequest, merchant: str) -> HttpResponseBase:
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    if sheets.wanted(request):
        return sheets.download(
            request, name=f"stores-{row.reference}", rows=row.stores.all(), sheet=STORES
        )
    page = newest_first(rows=row.stores.all(), request=request)
    return render(request, "merchants/store_list.html", {"merchant": row, "page": page})


@right_required(Right.EDIT_SHOP)
@require_http_methods(["GET", "POST"])
def store_add(request: HttpRequest, merchant: str) -> HttpResponse:
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    form = StoreForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            merchants.add_store(
                merchant=row, **form.cleaned_data, actor=actor_of(request), at=timezone.now()
            )
        except StoreNameTaken as refusal:
            form_refused(form, refusal)
        else:
            messages.success(request, _("Store added."))
            return redirect("store-list", merchant=row.reference)
    return render(request, "merchants/store_form.html", {"merchant": row, "form": form})


@right_required(Right.EDIT_SHOP)
@require_http_methods(["GET", "POST"])
def store_edit(request: HttpRequest, merchant: str, store: str) -> HttpResponse:
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    place = get_object_or_404(row.stores, reference=store)
    initial = {"name": place.name, "address": place.address}
    form = StoreForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            merchants.edit_store(
                store=place, **form.cleaned_data, actor=actor_of(request), at=timezone.now()
            )
        except StoreNameTaken as refusal:
            form_refused(form, refusal)
        else:
            messages.success(request, _("Store saved."))
            return redirect("store-list", merchant=row.reference)
    return render(
        request, "merchants/store_form.html", {"merchant": row, "form": form, "store": place}
    )
