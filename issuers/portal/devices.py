"""Devices: phones and readers, what each holds, how far it is behind, and another try."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from redis.exceptions import RedisError

from config.models import Device
from config.models.devices import DeviceKind
from config.people.access import actor_of, right_required
from config.portal import filters, sheets
from config.roles import Right
from issuers.portal import toasts, words
from issuers.portal.ordering import in_order
from issuers.portal.places import issuer_for, offers
from issuers.portal.sheets import DEVICES
from issuers.selectors import fleet
from issuers.services import offering
from issuers.services.offering import NothingToOffer
from merchants.models import Merchant
from wallets.selectors.holders import devices_found, is_locked, names_of

SORTS = {"device": "name", "enrolled": "enrolled_at"}
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A device as the list shows it: its standing, what it holds and its newest command."""

    device: Device
    mark: words.Mark
    kind: str
    reads: bool
    action: str
    command: words.Mark | None
    owner: str


@right_required(Right.SEE_CARDS)
@require_GET
def device_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    rows = fleet.fleet_of(issuer=row)
    counts = fleet.counts_of(issuer=row, rows=rows)
    view = filters.view_of(request, ["all", *fleet.VIEWS])
    asked = request.GET.get("q", "")
    found = devices_found(devices=fleet.in_view(issuer=row, rows=rows, view=view), typed=asked)
    shown = fleet.with_standing(issuer=row, rows=found)
    if sheets.wanted(request):
        return sheets.download(request, name="devices", rows=shown, sheet=DEVICES)
    page = in_order(rows=shown, whole=rows, request=request, sorts=SORTS)
    labels = {
        "all": _("All"),
        "behind": _("Laggards"),
        "readers": _("Readers"),
        "phones": _("Phones"),
        "unseen": _("Never seen"),
    }
    counts["all"] = counts["readers"] + counts["phones"]
    context = {
        "issuer": row,
        "page": page,
        "lines": lines_of(page.rows, at=timezone.now(), owners=_owners(page.rows)),
        "owners": True,
        "counts": counts,
        "tabs": filters.tabs(request, labels=labels, current=view, counts=counts),
        "asked": asked,
        "kept": filters.kept(request, "view", "sort"),
        "may_offer": offers(request, Right.BLOCK_CARDS),
        "toast": toasts.told(request),
    }
    return render(request, "issuers/device_list.html", context)


@right_required(Right.SEE_CARDS)
@require_GET
def device_page(request: HttpRequest, issuer: str, device: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    rows = fleet.with_standing(issuer=row, rows=fleet.fleet_of(issuer=row))
    found = get_object_or_404(rows, reference=device)
    line = lines_of([found], at=timezone.now(), owners=_owners([found]))[0]
    context = {
        "issuer": row,
        "device": found,
        "line": line,
        "cards": fleet.cards_on(device=found, issuer=row) if not line.reads else [],
        "commands": [
            (command, words.actions()[command.action], words.of_delivery(command.state))
            for command in (fleet.commands_to(device=found, issuer=row) if not line.reads else [])
        ],
        "given": fleet.versions_given(device=found, issuer=row) if line.reads else [],
        "may_offer": offers(request, Right.BLOCK_CARDS),
        "may_unlock": offers(request, Right.ISSUE_CARDS) and not line.reads and is_locked(found),
        "toast": toasts.told(request),
    }
    return render(request, "issuers/device.html", context)


@right_required(Right.BLOCK_CARDS)
@require_POST
def device_offer(request: HttpRequest, issuer: str, device: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.BLOCK_CARDS)
    found = get_object_or_404(fleet.fleet_of(issuer=row), reference=device, kind=DeviceKind.PHONE)
    try:
        count = offering.offer_again(
            device=found, issuer=row, at=timezone.now(), actor=actor_of(request)
        )
    except NothingToOffer as refusal:
        toasts.tell(request, _(refusal.detail))
    else:
        _hint(found)
        told = {"name": found.name, "count": count}
        toasts.tell(request, _("%(name)s is asked to take %(count)s now.") % told)
    if request.POST.get("back") == "undelivered":
        return redirect("undelivered", issuer=row.reference)
    return redirect("issuer-device", issuer=row.reference, device=found.reference)


def _owners(devices: Sequence[Device]) -> dict[str, str]:
    """Return the names of those who hold the phones and of the merchants with the readers."""
    phones = {row.owner for row in devices if row.kind == DeviceKind.PHONE}
    readers = {row.owner for row in devices} - phones
    shops = Merchant.objects.filter(reference__in=readers).values_list("reference", "name")
    return names_of(references=phones) | (dict(shops) if readers else {})


def _hint(device: Device) -> None:
    """Wake the phone's socket; a hint that fails is made up for by the worker's next push."""
    layer = get_channel_layer()
    try:
        async_to_sync(layer.group_send)(f"device.{device.reference}", {"type": "commands.waiting"})
    except (OSError, RedisError):
        log.warning("hint_failed", device=device.reference)


def lines_of(
    devices: Sequence[Device], *, at: datetime, owners: Mapping[str, str] | None = None
) -> list[Line]:
    """Return rows of ``selectors.fleet`` as pages show them; ``owners``: names by reference."""
    kinds = {
        DeviceKind.PHONE.value: _("Phone"),
        DeviceKind.READER.value: _("Reader"),
        DeviceKind.TERMINAL.value: _("Terminal"),
    }
    lines = []
    for device in devices:
        state, action = device.last_state, device.last_action  # type: ignore[attr-defined]
        lines.append(
            Line(
                device=device,
                mark=words.of_device(device, at=at),
                kind=kinds[device.kind],
                reads=device.kind != DeviceKind.PHONE,
                action=words.actions()[action] if action else "",
                command=words.of_delivery(state) if state else None,
                owner=(owners or {}).get(device.owner, device.owner),
            )
        )
    return lines
