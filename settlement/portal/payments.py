"""One payment: what it came to, who bears it and why, and all that happened to it."""

import json
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.people.access import SignedInRequest, may, right_required, tenants_with
from config.portal.filters import Tab
from config.roles import Right
from settlement.models import BatchRecord, Payment
from settlement.portal import deliveries, grounds, story, words
from settlement.portal.forms import ReasonForm
from settlement.portal.refunds import refund_form, why_not
from settlement.selectors.payments import as_told
from settlement.selectors.timeline import Arrived, Entry, timeline_of
from settlement.selectors.trace import trace_of
from settlement.selectors.visible import payments_of


@right_required(Right.SEE_PAYMENTS)
@require_safe
def payment(request: HttpRequest, reference: str) -> HttpResponse:
    """Show a payment to the shop that took it and to the issuer of the card; else 404."""
    person = cast("SignedInRequest", request)
    tenants = tenants_with(user=person.user, right=Right.SEE_PAYMENTS)
    row = get_object_or_404(payments_of(tenants), reference=reference)
    for_issuer = tenants.everything or (
        row.card is not None and row.card.issuer.reference in tenants.references
    )
    for_shop = tenants.everything or row.merchant.reference in tenants.references
    entries = timeline_of(payment=row)
    asked = row.request if hasattr(row, "request") else None
    tab = _tab(request, has_delivery=asked is not None and for_shop)
    context = {
        "payment": row,
        "look": words.payment_look(row),
        "channel": words.CHANNELS[Payment.Channel(row.channel)],
        "borne": words.borne(bearer=row.bearer, cause=row.bearer_cause),
        "grounds": grounds.pairs(entries, time_zone=row.merchant.time_zone),
        "cardholder": row.bearer == Payment.Bearer.CARDHOLDER,
        "batch": _batch(entries) if _may(request, Right.SEE_BATCHES) else None,
        "for_issuer": for_issuer,
        "for_shop": for_shop,
        "declined": words.decline_of(row.decline_reason),
        "asked": asked,
        "tabs": _tabs(tab, has_delivery=asked is not None and for_shop),
        "tab": tab,
    }
    if row.state == Payment.State.APPROVED or row.refunded_minor:
        context |= _money_back(request, row, for_shop=for_shop)
    if tab == "api":
        context |= _api(row)
    elif tab == "delivery" and asked is not None:
        context |= _delivery(asked.tid, time_zone=person.time_zone)
    else:
        context["lines"] = story.lines(
            [*entries, *trace_of(payment=row)],
            payment=row,
            for_issuer=for_issuer,
            for_shop=for_shop,
        )
    return render(request, "settlement/payment.html", context)


def _money_back(request: HttpRequest, row: Payment, *, for_shop: bool) -> dict[str, Any]:
    """Return what was given back and, for whoever may, the forms that give more."""
    left_minor = row.amount_minor - row.refunded_minor
    told = {"refunds": list(row.refunds.order_by("-id")), "left_minor": left_minor}
    if not (for_shop and _may(request, Right.REFUND_PAYMENTS)):
        return told
    return told | {
        "may_refund": left_minor > 0,
        "refund_form": refund_form(row),
        "why_not_reverse": why_not(row),
        "reverse_form": ReasonForm(auto_id="reverse-%s"),
    }


def _tab(request: HttpRequest, *, has_delivery: bool) -> str:
    asked = request.GET.get("tab", "")
    return asked if asked == "api" or (asked == "delivery" and has_delivery) else ""


def _tabs(tab: str, *, has_delivery: bool) -> list[Tab]:
    labels = {"": _("Timeline")}
    labels |= {"delivery": _("Delivery")} if has_delivery else {}
    labels |= {"api": _("API")}
    return [
        Tab(f"?tab={name}" if name else "?", label, name == tab) for name, label in labels.items()
    ]


def _delivery(tid: str, *, time_zone: str) -> dict[str, Any]:
    """Return how the result went to the terminal that asked under ``tid``."""
    log = deliveries.log_of(tid=tid, time_zone=time_zone)
    return {"delivery": deliveries.look_of(tid=tid), "datagrams": log}


def _may(request: HttpRequest, right: Right) -> bool:
    return may(membership=cast("SignedInRequest", request).membership, right=right)


def _batch(entries: list[Entry]) -> tuple[str, int] | None:
    """Return reference and sequence of the batch that the payment was posted from."""
    for entry in entries:
        if isinstance(entry, Arrived) and entry.record.state == BatchRecord.State.POSTED:
            return entry.batch.reference, entry.batch.sequence
    return None


def _api(row: Payment) -> dict[str, str]:
    """Return the payment as the shop's server hears of it, and the call that asks for it."""
    address = settings.ORIGIN + reverse("api-merchant-payment", args=[row.reference])
    return {
        "json": json.dumps(as_told(row), indent=2),
        "curl": f'curl -H "Authorization: Bearer $PAYDESK_API_KEY" \\\n  {address}',
    }
