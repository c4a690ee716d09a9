"""One card's own limit for payments online."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from config import money
from config.people.access import actor_of, right_required
from config.refusals import Refused
from config.roles import Right
from issuers.portal.forms import show_refusal
from issuers.portal.places import card_for, issuer_for
from issuers.services import card_limits


class CardLimitForm(forms.Form):
    """What one payment may be; empty leaves it to the programme."""

    cap = forms.CharField(
        label=gettext_lazy("A payment online, at most"),
        required=False,
        help_text=gettext_lazy("Empty: as the programme says."),
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why"), max_length=200, help_text=gettext_lazy("For the audit trail.")
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency

    def clean_cap(self) -> int | None:
        """Return the cap in minor units of the currency; None leaves it to the programme."""
        typed = self.cleaned_data["cap"].strip()
        try:
            return money.parse(typed, self.currency) if typed else None
        except Refused as refusal:
            said = _(refusal.detail)
            raise forms.ValidationError(said, code=refusal.code) from refusal


@right_required(Right.ISSUE_CARDS)
@require_http_methods(["GET", "POST"])
def card_limit(request: HttpRequest, issuer: str, card: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.ISSUE_CARDS)
    held = card_for(row, card)
    currency, now = held.account.currency, held.per_payment_online_cap_minor
    shown = "" if now is None else money.text(now, currency)
    form = CardLimitForm(request.POST or None, initial={"cap": shown}, currency=currency)
    if request.method == "POST" and form.is_valid():
        try:
            card_limits.set_online_cap(
                card=held,
                cap_minor=form.cleaned_data["cap"],
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
                actor=actor_of(request),
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The card's limit is saved."))
            return redirect("card", issuer=row.reference, card=held.reference)
    return render(request, "issuers/card_limit.html", {"issuer": row, "card": held, "form": form})
