"""Acts on a webhook that are asked about first: pause, resume, a new secret, removal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from config.people.access import actor_of, right_required
from config.portal.doors import second_factor_lately
from config.refusals import Refused
from config.roles import Right
from merchants.portal.merchants import form_refused, merchant_for
from merchants.portal.webhook_forms import RotateForm
from merchants.portal.webhooks import found, show_secret
from merchants.services.webhooks import endpoints
from merchants.services.webhooks.endpoints import Made

type Words = str | Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act: the service that does it, and what a person reads before and after."""

    does: Callable[..., Any]
    title: Words
    says: Words
    verb: Words
    done: Words = ""
    tone: str = "primary"
    form: type[forms.Form] = forms.Form


ACTS = {
    "pause": Act(
        does=endpoints.pause,
        title=_("Pause this webhook?"),
        says=_(
            "Nothing is sent until you resume it. What happens meanwhile waits; nothing is lost."
        ),
        verb=_("Pause"),
        done=_("Paused."),
    ),
    "resume": Act(
        does=endpoints.resume,
        title=_("Resume this webhook?"),
        says=_("It goes on where it stopped: all that happened meanwhile is sent now."),
        verb=_("Resume"),
        done=_("It goes on."),
    ),
    "rotate": Act(
        does=endpoints.rotate,
        title=_("Make a new secret?"),
        says=_("Until the secret of now ends, each message is signed with both."),
        verb=_("Make a new secret"),
        form=RotateForm,
    ),
    "remove": Act(
        does=endpoints.remove,
        title=_("Remove this webhook?"),
        says=_("What waits is dropped and its secrets end. The log stays as long as it is kept."),
        verb=_("Remove"),
        done=_("Removed."),
        tone="danger",
    ),
}


@right_required(Right.EDIT_SHOP)
@second_factor_lately
@never_cache
@require_http_methods(["GET", "POST"])
def webhook_act(request: HttpRequest, merchant: str, endpoint: str, act: str) -> HttpResponse:
    """Ask, and do it."""
    if act not in ACTS:
        raise Http404
    row = merchant_for(request, merchant, Right.EDIT_SHOP)
    held, asked = found(request, row, endpoint), ACTS[act]
    form = asked.form(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = asked.does(
                endpoint=held, **form.cleaned_data, actor=actor_of(request), at=timezone.now()
            )
        except Refused as refusal:
            form_refused(form, refusal)
        else:
            if isinstance(made, Made):
                return show_secret(request, made)
            messages.success(request, str(asked.done))
            if act == "remove":
                return redirect("webhook-list", merchant=row.reference)
            return redirect("webhook", merchant=row.reference, endpoint=held.reference)
    context = {"merchant": row, "endpoint": held, "act": asked, "form": form}
    status = 422 if form.errors else 200
    return render(request, "merchants/webhook_act.html", context, status=status)
