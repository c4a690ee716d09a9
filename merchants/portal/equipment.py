"""Devices of a shop: what stands there, a code for a new one, and the end of one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from config import devices, enrolment, money
from config.paging import newest_first
from config.people.access import actor_of, right_required
from config.portal import sheets
from config.roles import Right
from issuers.selectors.downloads import versions_held
from merchants.models import Equipment, Merchant
from merchants.portal.forms import EnrolForm, EquipmentForm
from merchants.portal.merchants import merchant_for
from merchants.portal.sheets import EQUIPMENT
from merchants.selectors import shops
from merchants.services import equipment


@right_required(Right.EDIT_SHOP)
@require_GET
def equipment_list(request: HttpRequest, merchant: str) -> HttpResponseBase:
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    rows = shops.equipment_visible_to(request.user, Right.EDIT_SHOP).filter(merchant=row)
    asked = request.GET.get("kind", "")
    if asked:
        rows = rows.filter(device__kind=asked)
    if sheets.wanted(request):
        return sheets.download(request, name=f"devices-{row.reference}", rows=rows, sheet=EQUIPMENT)
    page = newest_first(rows=rows, request=request)
    held = versions_held(devices=[item.device_id for item in page.rows])
    listed = [(item, held.get(item.device_id, [])) for item in page.rows]
    context = {"merchant": row, "page": page, "listed": listed, "kind": asked}
    return render(request, "merchants/equipment_list.html", context)


@right_required(Right.EDIT_SHOP)
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest, merchant: str) -> HttpResponse:
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    form = EnrolForm(request.POST or None, merchant=row)
    if request.method == "POST" and form.is_valid():
        made = enrolment.make_code(
            kind=form.cleaned_data["kind"],
            owner=row.reference,
            store=form.cleaned_data["store"].reference,
            actor=actor_of(request),
            at=timezone.now(),
        )
        told = {"merchant": row, "code": made.code, "expires_at": made.expires_at}
        return render(request, "merchants/enrolment_code.html", told | form.cleaned_data)
    return render(request, "merchants/equipment_enrol.html", {"merchant": row, "form": form})


@right_required(Right.EDIT_SHOP)
@require_http_methods(["GET", "POST"])
def equipment_edit(request: HttpRequest, merchant: str, device: str) -> HttpResponse:
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    item = _item(row, device)
    initial = {
        "name": item.device.name,
        "store": item.store.reference,
        "capacity": item.capacity,
        "floor": money.text(item.floor_minor, row.currency),
        "max_unsent": money.text(item.max_unsent_minor, row.currency),
    }
    form = EquipmentForm(request.POST or None, merchant=row, initial=initial)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        equipment.edit(
            equipment=item,
            name=told["name"],
            store=told["store"],
            capacity=told["capacity"],
            floor_minor=told["floor"],
            max_unsent_minor=told["max_unsent"],
            actor=actor_of(request),
            at=timezone.now(),
        )
        messages.success(request, _("Device saved."))
        return redirect("equipment-list", merchant=row.reference)
    context = {"merchant": row, "item": item, "form": form}
    return render(request, "merchants/equipment_edit.html", context)


@right_required(Right.EDIT_SHOP)
@require_POST
def equipment_revoke(request: HttpRequest, merchant: str, device: str) -> HttpResponse:
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    item = _item(row, device)
    devices.revoke(reference=item.device.reference, actor=actor_of(request), at=timezone.now())
    messages.success(request, _("Revoked: the device is refused from its next request on."))
    return redirect("equipment-list", merchant=row.reference)


def _item(merchant: Merchant, device: str) -> Equipment:
    """Return a device of ``merchant``; another's looks like absent, whoever may see that one."""
    rows = Equipment.objects.select_related("device", "store", "merchant")
    return get_object_or_404(rows, merchant=merchant, device__reference=device)
