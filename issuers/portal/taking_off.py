"""A card comes off one phone, a phone loses all its cards, a card is closed, a phone unlocked."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from config.models import Device
from config.models.devices import DeviceKind
from config.people.access import actor_of, right_required
from config.refusals import Refused
from config.roles import Right
from issuers.models import Issuer
from issuers.portal import toasts
from issuers.portal.forms import BlockForm, show_refusal
from issuers.portal.places import card_for, issuer_for
from issuers.selectors import fleet
from issuers.services import blacklist, cards, wipes
from wallets.services import phones


class ReasonForm(forms.Form):
    """Why: no act here goes without it."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy("Goes into the audit trail."),
    )


@right_required(Right.BLOCK_CARDS)
@require_http_methods(["GET", "POST"])
def card_wipe(request: HttpRequest, issuer: str, card: str, device: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.BLOCK_CARDS)
    held = card_for(row, card)
    phone = _phone(row, device)

    def act(told: dict[str, Any]) -> str:
        wipes.wipe(card=held, device=phone, **_why(request, told))
        blacklist.publish(issuer=row, at=timezone.now())
        return _("Card •••• %(card)s is taken off %(phone)s.") % _names(held.last4, phone)

    asks = {
        "title": _("Take card •••• %(card)s off %(phone)s?") % _names(held.last4, phone),
        "says": _("Other phones go on paying with it. This one needs a new certificate."),
        "verb": _("Take it off"),
    }
    back = reverse("card", args=[row.reference, held.reference])
    return _asked(request, row, BlockForm, act, asks=asks, back=back, label=f"•••• {held.last4}")


@right_required(Right.BLOCK_CARDS)
@require_http_methods(["GET", "POST"])
def device_wipe(request: HttpRequest, issuer: str, device: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.BLOCK_CARDS)
    phone = _phone(row, device)

    def act(told: dict[str, Any]) -> str:
        wiped = wipes.wipe_phone(device=phone, issuer=row, **_why(request, told))
        blacklist.publish(issuer=row, at=timezone.now())
        told = {"phone": phone.name, "count": len(wiped)}
        return _("Cards taken off %(phone)s: %(count)s.") % told

    asks = {
        "title": _("Take every card off %(phone)s?") % {"phone": phone.name},
        "says": _("For a phone that was lost. The cards themselves go on paying elsewhere."),
        "verb": _("Take them off"),
    }
    back = reverse("issuer-device", args=[row.reference, phone.reference])
    return _asked(request, row, BlockForm, act, asks=asks, back=back, label=phone.name)


@right_required(Right.ISSUE_CARDS)
@require_http_methods(["GET", "POST"])
def card_close(request: HttpRequest, issuer: str, card: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.ISSUE_CARDS)
    held = card_for(row, card)

    def act(told: dict[str, Any]) -> str:
        at = timezone.now()
        cards.close(card=held, at=at, actor=actor_of(request), reason=told["reason"])
        blacklist.publish(issuer=row, at=at)
        return _("Card •••• %(card)s is closed.") % {"card": held.last4}

    asks = {
        "title": _("Close card •••• %(card)s for good?") % {"card": held.last4},
        "says": _("It never opens again. Its phones are told to delete it; its account stays."),
        "verb": _("Close card"),
    }
    back = reverse("card", args=[row.reference, held.reference])
    return _asked(request, row, ReasonForm, act, asks=asks, back=back, label=f"•••• {held.last4}")


@right_required(Right.ISSUE_CARDS)
@require_http_methods(["GET", "POST"])
def device_unlock(request: HttpRequest, issuer: str, device: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.ISSUE_CARDS)
    phone = _phone(row, device)

    def act(told: dict[str, Any]) -> str:
        phones.unlock(
            device=phone,
            reason=told["reason"],
            at=timezone.now(),
            actor=actor_of(request),
            tenant=row.reference,
        )
        return _("%(phone)s is unlocked.") % {"phone": phone.name}

    asks = {
        "title": _("Unlock %(phone)s?") % {"phone": phone.name},
        "says": _("After wrong PINs or failed checks. Make sure first who holds it."),
        "verb": _("Unlock phone"),
        "tone": "primary",
    }
    back = reverse("issuer-device", args=[row.reference, phone.reference])
    return _asked(request, row, ReasonForm, act, asks=asks, back=back, label=phone.name)


def _asked(
    request: HttpRequest,
    issuer: Issuer,
    form_class: type[forms.Form],
    act: Callable[[dict[str, Any]], str],
    *,
    asks: dict[str, str],
    back: str,
    label: str,
) -> HttpResponse:
    """Ask with a form, then act and say so where the person came from."""
    form = form_class(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            said = act(form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            toasts.tell(request, said)
            return redirect(back)
    context = {"issuer": issuer, "form": form, "back": back, "label": label} | asks
    return render(request, "issuers/take_off.html", context)


def _phone(issuer: Issuer, reference: str) -> Device:
    return get_object_or_404(
        fleet.fleet_of(issuer=issuer), reference=reference, kind=DeviceKind.PHONE
    )


def _why(request: HttpRequest, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "reason": told["reason"],
        "note": told["note"],
        "at": timezone.now(),
        "actor": actor_of(request),
    }


def _names(last4: str, phone: Device) -> dict[str, str]:
    return {"card": last4, "phone": phone.name}
