"""What a shop's machines and tills paid out for approval numbers, and the machines themselves."""

from datetime import datetime
from typing import Final, cast
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.models.devices import DeviceKind
from config.paging import newest_first
from config.people.access import SignedInRequest, may, right_required
from config.portal import filters, sheets
from config.roles import Right
from merchants.models import Merchant
from merchants.selectors.atms import notes_in
from settlement.models import Preapproval, Redemption
from settlement.portal import preapproval_words as words
from settlement.portal.machine_sheets import ATMS, REDEMPTIONS
from settlement.portal.places import merchant_for
from settlement.portal.preapproval_filters import asked_of, tools_of
from settlement.selectors import preapproval_lists as lists
from settlement.selectors.preapproval_lists import Asked
from settlement.selectors.preapprovals import redemptions_visible_to

VIEWS: Final = {
    "all": gettext_lazy("All"),
    "paid": gettext_lazy("Paid out"),
    "open": gettext_lazy("Open"),
    "none": gettext_lazy("Nothing came out"),
}


@right_required(Right.SEE_PAYMENTS)
@require_safe
def redeemed_list(request: HttpRequest, merchant: str) -> HttpResponseBase:
    """List what the shop's machines did with approval numbers, newest first."""
    shop = merchant_for(request, merchant, Right.SEE_PAYMENTS)
    asked = asked_of(request, VIEWS)
    rows = _rows(request, shop, asked)
    if sheets.wanted(request):
        return sheets.download(request, name="numbers", rows=rows, sheet=REDEMPTIONS)
    page = newest_first(rows=rows, request=request)
    context = {
        "merchant": shop,
        "page": page,
        "listed": [
            (row, words.KINDS[Preapproval.Kind(row.kind)], words.redemption_look(row))
            for row in page.rows
        ],
        "tabs": filters.tabs(request, labels=VIEWS, current=asked.view),
        **tools_of(request, asked),
    }
    return render(request, "settlement/redeemed_list.html", context)


@right_required(Right.SEE_PAYMENTS)
@require_safe
def atm_list(request: HttpRequest, merchant: str) -> HttpResponseBase:
    """List the shop's ATMs: what is in them, what they gave out today, when they were heard of."""
    shop = merchant_for(request, merchant, Right.SEE_PAYMENTS)
    person = cast("SignedInRequest", request)
    machines = shop.equipment.filter(device__kind=DeviceKind.ATM)
    standing = machines.select_related("device", "store", "merchant")
    rows = lists.with_cash(standing, since=_midnight(shop))
    if sheets.wanted(request):
        return sheets.download(request, name="atms", rows=rows, sheet=ATMS)
    page = newest_first(rows=rows, request=request)
    notes = notes_in(devices=[row.device_id for row in page.rows])
    listed = [(row, notes.get(row.device_id)) for row in page.rows]
    membership = person.membership
    context = {
        "merchant": shop,
        "page": page,
        "listed": listed,
        "may_use": may(membership=membership, right=Right.TAKE_PAYMENTS),
        "may_edit": may(membership=membership, right=Right.EDIT_SHOP),
    }
    return render(request, "settlement/atm_list.html", context)


def _rows(request: HttpRequest, shop: Merchant, asked: Asked) -> QuerySet[Redemption]:
    person = cast("SignedInRequest", request)
    rows = redemptions_visible_to(person.user).filter(merchant=shop)
    return lists.redeemed(rows, asked=asked, zone=ZoneInfo(shop.time_zone))


def _midnight(shop: Merchant) -> datetime:
    now = timezone.now().astimezone(ZoneInfo(shop.time_zone))
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
