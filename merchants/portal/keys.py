"""API keys of a merchant: shown once when made."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from config.paging import newest_first
from config.people.access import actor_of, right_required
from config.portal import sheets
from config.roles import Right
from merchants.portal.forms import ApiKeyForm
from merchants.portal.merchants import merchant_for
from merchants.portal.sheets import KEYS
from merchants.selectors import shops
from merchants.services import api_keys


@right_required(Right.EDIT_SHOP)
@require_http_methods(["GET", "POST"])
def key_list(request: HttpRequest, merchant: str) -> HttpResponseBase:
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    form = ApiKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        token = api_keys.make(
            merchant=row,
            name=form.cleaned_data["name"],
            actor=actor_of(request),
            at=timezone.now(),
        )
        return render(request, "merchants/key_made.html", {"token": token, "merchant": row})
    rows = shops.api_keys_visible_to(request.user).filter(merchant=row)
    if sheets.wanted(request):
        return sheets.download(request, name=f"keys-{row.reference}", rows=rows, sheet=KEYS)
    page = newest_first(rows=rows, request=request)
    return render(request, "merchants/key_list.html", {"merchant": row, "page": page, "form": form})


@right_required(Right.EDIT_SHOP)
@require_POST
def key_revoke(request: HttpRequest, merchant: str, key: int) -> HttpResponse:
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    found = get_object_or_404(shops.api_keys_visible_to(request.user), pk=key, merchant=row)
    api_keys.revoke(key=found, actor=actor_of(request), at=timezone.now())
    messages.success(request, _("The key is refused from now on."))
    return redirect("key-list", merchant=row.reference)
