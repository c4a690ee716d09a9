"""Relays: which terminals leave bills where, and what waits there."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from config.models import Device
from config.models.devices import DeviceKind
from config.paging import newest_first
from config.people.access import actor_of, right_required
from config.portal import sheets
from config.refusals import Refused
from config.roles import Right
from merchants.models import Equipment, Merchant, RelayPairing
from merchants.portal.merchants import merchant_for
from merchants.portal.sheets import RELAYS
from merchants.selectors import relays as found
from merchants.services import relays
from settlement.models import Payment
from settlement.selectors.relays import open_bills

SILENT_AFTER: Final = timedelta(seconds=30)  # a relay asks for its terminals every 5 s
BILLS_MOST: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A relay as the page draws it. ``bills``: with each the pairing of who left it."""

    item: Equipment
    tone: str
    word: str
    pairings: list[RelayPairing]
    free: list[Device]
    bills: list[tuple[RelayPairing, Payment]]


@right_required(Right.EDIT_SHOP)
@require_GET
def relay_list(request: HttpRequest, merchant: str) -> HttpResponseBase:
    """List the relays with their terminals, and the bills that wait for a customer."""
    shop = merchant_for(request, merchant, Right.EDIT_SHOP)
    if sheets.wanted(request):
        return sheets.download(
            request,
            name=f"relays-{shop.reference}",
            rows=found.relays_of(merchant=shop),
            sheet=RELAYS,
        )
    page = newest_first(rows=found.relays_of(merchant=shop), request=request)
    pairings = found.pairings_at(relays=[item.device_id for item in page.rows])
    terminals = found.terminals_of(merchant=shop)
    bills = open_bills(merchant=shop, limit=BILLS_MOST)
    at = timezone.now()
    rows = [_row(item, pairings[item.device_id], terminals, bills, at) for item in page.rows]
    context = {"merchant": shop, "page": page, "rows": rows, "terminals": terminals}
    return render(request, "merchants/relay_list.html", context)


@right_required(Right.EDIT_SHOP)
@require_POST
def relay_pair(request: HttpRequest, merchant: str, device: str) -> HttpResponse:
    """Let a terminal leave its bills at the relay."""
    shop = merchant_for(request, merchant, Right.EDIT_SHOP)
    relay, terminal = _both(shop, device, request.POST.get("terminal", ""))
    try:
        relays.pair(relay=relay, terminal=terminal, actor=actor_of(request), at=timezone.now())
    except Refused as refusal:
        messages.error(request, _(refusal.detail))
    else:
        told = {"terminal": terminal.name, "relay": relay.name}
        messages.success(request, _("%(terminal)s may leave bills at %(relay)s.") % told)
    return redirect("relay-list", merchant=shop.reference)


@right_required(Right.EDIT_SHOP)
@require_POST
def relay_part(request: HttpRequest, merchant: str, device: str) -> HttpResponse:
    """End a pairing: the terminal's bills at this relay are refused from now on."""
    shop = merchant_for(request, merchant, Right.EDIT_SHOP)
    relay, terminal = _both(shop, device, request.POST.get("terminal", ""))
    try:
        relays.part(relay=relay, terminal=terminal, actor=actor_of(request), at=timezone.now())
    except relays.NotPaired:
        messages.info(request, _("They were not paired any more."))
    else:
        told = {"terminal": terminal.name, "relay": relay.name}
        messages.success(request, _("%(terminal)s and %(relay)s are parted.") % told)
    return redirect("relay-list", merchant=shop.reference)


def _both(shop: Merchant, relay: str, terminal: str) -> tuple[Device, Device]:
    """Return the merchant's relay and terminal; another's look like absent (404)."""
    own = Device.objects.filter(equipment__merchant=shop)
    return (
        get_object_or_404(own, reference=relay, kind=DeviceKind.RELAY),
        get_object_or_404(own, reference=terminal, kind=DeviceKind.TERMINAL, virtual_till=None),
    )


def _row(
    item: Equipment,
    pairings: list[RelayPairing],
    terminals: list[Device],
    bills: dict[int, list[Payment]],
    at: datetime,
) -> Row:
    paired = {pairing.terminal_id for pairing in pairings}
    tone, word = _standing(item.device, at)
    return Row(
        item=item,
        tone=tone,
        word=word,
        pairings=pairings,
        free=[each for each in terminals if each.pk not in paired],
        bills=[(each, bill) for each in pairings for bill in bills.get(each.terminal_id, [])],
    )


def _standing(device: Device, at: datetime) -> tuple[str, str]:
    if device.state != Device.State.ACTIVE:
        return "neutral", _("Revoked")
    if device.seen_at is None:
        return "neutral", _("Never seen")
    return ("warn", _("Silent")) if at - device.seen_at > SILENT_AFTER else ("ok", _("Working"))
