"""Webhooks of a merchant: where events go, what became of each, and sending one again."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from config.paging import newest_first
from config.people.access import actor_of, right_required
from config.portal import sheets
from config.portal.doors import second_factor_lately
from config.refusals import Refused
from config.roles import Right
from merchants.models import Merchant, WebhookDelivery, WebhookEndpoint
from merchants.portal import webhook_words as words
from merchants.portal.merchants import form_refused, merchant_for
from merchants.portal.sheets import MESSAGES
from merchants.portal.webhook_forms import ReplayFailedForm, WebhookForm
from merchants.selectors import webhooks
from merchants.services.webhooks import endpoints, replays
from merchants.services.webhooks.endpoints import ENDPOINTS_MAX, Made


def found(request: HttpRequest, merchant: Merchant, reference: str) -> WebhookEndpoint:
    """Return a webhook of ``merchant``; another's looks like absent (404)."""
    rows = webhooks.webhooks_visible_to(request.user)
    return get_object_or_404(rows, merchant=merchant, reference=reference)


def show_secret(request: HttpRequest, made: Made) -> HttpResponse:
    """Show a new secret, this once."""
    context = {"merchant": made.endpoint.merchant, "endpoint": made.endpoint, "secret": made.secret}
    return render(request, "merchants/webhook_made.html", context)


@right_required(Right.EDIT_SHOP)
@require_GET
def webhook_list(request: HttpRequest, merchant: str) -> HttpResponse:
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    rows = webhooks.webhooks_of_merchant(merchant=row.reference)
    traffic = webhooks.traffic_of(endpoints=rows, at=timezone.now())
    listed = [(each, words.of_endpoint(each), traffic[each.pk]) for each in rows]
    context = {"merchant": row, "listed": listed, "full": len(listed) >= ENDPOINTS_MAX}
    return render(request, "merchants/webhook_list.html", context)


@right_required(Right.EDIT_SHOP)
@second_factor_lately
@never_cache
@require_http_methods(["GET", "POST"])
def webhook_add(request: HttpRequest, merchant: str) -> HttpResponse:
    """Add a webhook and show its secret this once."""
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    form = WebhookForm(request.POST or None, initial={"url": settings.WEBHOOK_ECHO})
    if request.method == "POST" and form.is_valid():
        try:
            made = endpoints.add(
                merchant=row, **form.cleaned_data, actor=actor_of(request), at=timezone.now()
            )
        except Refused as refusal:
            form_refused(form, refusal)
        else:
            return show_secret(request, made)
    return _form(request, row, None, form)


@right_required(Right.EDIT_SHOP)
@second_factor_lately
@require_http_methods(["GET", "POST"])
def webhook_edit(request: HttpRequest, merchant: str, endpoint: str) -> HttpResponse:
    """Change where events go, or which."""
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    held = found(request, row, endpoint)
    initial = {
        "url": held.url,
        "description": held.description,
        "event_types": held.event_types,
    }
    form = WebhookForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            endpoints.edit(
                endpoint=held, **form.cleaned_data, actor=actor_of(request), at=timezone.now()
            )
        except Refused as refusal:
            form_refused(form, refusal)
        else:
            messages.success(request, _("Webhook saved."))
            return redirect("webhook", merchant=row.reference, endpoint=held.reference)
    return _form(request, row, held, form)


@right_required(Right.EDIT_SHOP)
@require_GET
def webhook(request: HttpRequest, merchant: str, endpoint: str) -> HttpResponseBase:
    """Show one webhook and what was sent there lately."""
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    held = found(request, row, endpoint)
    asked = request.GET.get("state", "")
    view = asked if asked in WebhookDelivery.State.values else ""
    rows = webhooks.deliveries_of(endpoint=held, state=view)
    if sheets.wanted(request):
        return sheets.download(
            request, name=f"messages-{held.reference}", rows=rows, sheet=MESSAGES
        )
    page = newest_first(rows=rows, request=request, size=25)
    latest = webhooks.latest_attempts(deliveries=page.rows)
    now = timezone.now()
    context = {
        "merchant": row,
        "endpoint": held,
        "look": words.of_endpoint(held),
        "traffic": webhooks.traffic_of(endpoints=[held], at=now)[held.pk],
        "secrets": list(endpoints.live_secrets(endpoints=[held.pk], at=now)),
        "page": page,
        "listed": [(each, words.of_delivery(each), latest.get(each.pk)) for each in page.rows],
        "view": view,
        "views": _views(view),
        "replay_form": ReplayFailedForm(),
    }
    return render(request, "merchants/webhook.html", context)


@right_required(Right.EDIT_SHOP)
@require_GET
def delivery(request: HttpRequest, merchant: str, endpoint: str, message: str) -> HttpResponse:
    """Show one message: what it said, and each attempt at it."""
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    held = found(request, row, endpoint)
    sent = webhooks.delivery_named(endpoint=held, webhook_id=message)
    attempts = [
        (each, words.of_error(each.error), bytes(each.answer).decode(errors="replace"))
        for each in webhooks.attempts_of(delivery=sent)
    ]
    context = {
        "merchant": row,
        "endpoint": held,
        "message": sent,
        "look": words.of_delivery(sent),
        "attempts": attempts,
    }
    return render(request, "merchants/webhook_delivery.html", context)


@right_required(Right.EDIT_SHOP)
@require_POST
def replay(request: HttpRequest, merchant: str, endpoint: str, message: str) -> HttpResponse:
    """Send one message again under its id."""
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    held = found(request, row, endpoint)
    replays.replay(endpoint=held, webhook_id=message, actor=actor_of(request), at=timezone.now())
    messages.success(request, _("It is sent again, under the same id."))
    return redirect(
        "webhook-delivery", merchant=row.reference, endpoint=held.reference, message=message
    )


@right_required(Right.EDIT_SHOP)
@require_POST
def replay_failed(request: HttpRequest, merchant: str, endpoint: str) -> HttpResponse:
    """Send again all that was given up lately."""
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    held, form, now = found(request, row, endpoint), ReplayFailedForm(request.POST), timezone.now()
    if not form.is_valid():
        raise Http404
    count = replays.replay_failed(
        endpoint=held,
        since=now - timedelta(hours=form.cleaned_data["hours"]),
        actor=actor_of(request),
        at=now,
    )
    messages.success(request, _("Sent again: %(count)s") % {"count": f"{count:,}"})
    return redirect("webhook", merchant=row.reference, endpoint=held.reference)


@right_required(Right.EDIT_SHOP)
@require_POST
def send_test(request: HttpRequest, merchant: str, endpoint: str) -> HttpResponse:
    """Send a message that tells of nothing."""
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    held = found(request, row, endpoint)
    sent = replays.send_test(endpoint=held, actor=actor_of(request), at=timezone.now())
    messages.success(request, _("A test message is on its way."))
    return redirect(
        "webhook-delivery", merchant=row.reference, endpoint=held.reference, message=sent.webhook_id
    )


def _form(
    request: HttpRequest, merchant: Merchant, held: WebhookEndpoint | None, form: WebhookForm
) -> HttpResponse:
    context: dict[str, Any] = {"merchant": merchant, "endpoint": held, "form": form}
    status = 422 if form.errors else 200
    return render(request, "merchants/webhook_form.html", context, status=status)


def _views(chosen: str) -> list[tuple[str, str, bool]]:
    state = WebhookDelivery.State
    names = {
        "": _("All"),
        state.PENDING.value: _("Waiting"),
        state.DELIVERED.value: _("Delivered"),
        state.FAILED.value: _("Given up"),
    }
    return [(value, name, value == chosen) for value, name in names.items()]
