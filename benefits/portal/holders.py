"""What one customer holds of a sponsor's benefits, for support; a name is shown by its initials."""

import secrets
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from benefits.models import Definition, Holding
from benefits.portal import typed, words
from benefits.portal.places import owner_for
from benefits.portal.sheets import HOLDINGS
from benefits.rules.vocabulary import BALANCES, Kind
from benefits.selectors import campaigns, lines
from benefits.selectors.campaigns import Owner
from benefits.services.granting import grant_by_hand
from benefits.services.holdings import Worth
from config.paging import newest_first
from config.people.access import actor_of, right_required
from config.portal import filters, sheets
from config.refusals import Refused
from config.roles import Right
from wallets.models import Customer

OFFERED_MAX = 100


class GrantForm(forms.Form):
    """Which benefit, why, and how much of points or a gift card."""

    benefit = forms.ModelChoiceField(
        label=gettext_lazy("Benefit"),
        queryset=Definition.objects.none(),
        to_field_name="reference",
        empty_label=None,
    )
    amount = forms.CharField(
        label=gettext_lazy("Amount"),
        help_text=gettext_lazy("Of points and gift cards alone."),
        max_length=24,
        required=False,
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=200)
    key = forms.CharField(max_length=32, widget=forms.HiddenInput)

    def __init__(self, *args: Any, owner: Owner, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["benefit"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = campaigns.grantable(owner=owner.reference)
        self.initial.setdefault("key", secrets.token_hex(16))

    def clean(self) -> dict[str, Any]:
        benefit, amount = self.cleaned_data.get("benefit"), self.cleaned_data.get("amount", "")
        if benefit is None:
            return self.cleaned_data
        if (benefit.kind in BALANCES) != bool(amount):
            self.add_error("amount", _("Points and gift cards need one, nothing else does."))
        elif amount:
            try:
                self.cleaned_data["amount"] = typed.minor(amount, benefit.currency, least=1)
            except forms.ValidationError as fault:
                self.add_error("amount", fault)
        return self.cleaned_data


@right_required(Right.GRANT_BENEFITS)
@require_safe
def holder_find(request: HttpRequest, owner: str) -> HttpResponseBase:
    """Find a customer by what the customer reads out: its reference, or that of a benefit."""
    who = owner_for(request, owner, Right.GRANT_BENEFITS)
    if sheets.wanted(request):
        return sheets.download(
            request,
            name=f"holdings-{who.reference}",
            rows=lines.held_at(owner=who.reference),
            sheet=HOLDINGS,
        )
    asked = filters.typed(request, "q")
    found = lines.customers_found(typed=asked, limit=10)
    if len(found) == 1:
        return redirect("holder", owner=who.reference, customer=found[0].reference)
    page = newest_first(rows=lines.held_at(owner=who.reference), request=request, size=25)
    context = {"owner": who, "asked": asked, "page": page, "listed": _listed(page.rows)}
    return render(request, "benefits/holder_find.html", context)


@right_required(Right.GRANT_BENEFITS)
@require_http_methods(["GET", "POST"])
def holder(request: HttpRequest, owner: str, customer: str) -> HttpResponseBase:
    """Show what a customer holds of the sponsor's benefits, and grant one more."""
    who = owner_for(request, owner, Right.GRANT_BENEFITS)
    person = get_object_or_404(Customer, reference=customer)
    form = GrantForm(request.POST if request.method == "POST" else None, owner=who)
    if request.method == "POST" and form.is_valid() and _grant(request, who, person, form):
        messages.success(request, _("Granted: it is on the customer's phone."))
        return redirect("holder", owner=who.reference, customer=person.reference)
    rows = lines.held_at(owner=who.reference).filter(customer=person)
    if sheets.wanted(request):
        return sheets.download(
            request, name=f"holdings-{person.reference}", rows=rows, sheet=HOLDINGS
        )
    page = newest_first(rows=rows, request=request)
    context = {
        "owner": who,
        "customer": person,
        "masked": words.masked(person.name),
        "page": page,
        "listed": _listed(page.rows),
        "form": form,
        "grantable": form.fields["benefit"].queryset.exists(),  # type: ignore[attr-defined]
    }
    return render(request, "benefits/holder.html", context, status=422 if form.errors else 200)


def _grant(request: HttpRequest, owner: Owner, customer: Customer, form: GrantForm) -> bool:
    said = form.cleaned_data
    try:
        grant_by_hand(
            definition=said["benefit"],
            customer=customer,
            key=said["key"],
            reason=said["reason"],
            tenant=owner.reference,
            actor=actor_of(request),
            at=timezone.now(),
            worth=Worth(amount_minor=said["amount"] or None),
        )
    except Refused as refusal:
        form.add_error("benefit", _(refusal.title))
        return False
    return True


def _listed(rows: list[Holding]) -> list[tuple[Holding, words.Look, Any, str]]:
    return [
        (
            each,
            words.HOLDING_LOOKS[Holding.State(each.state)],
            words.KINDS[Kind(each.kind)],
            words.masked(each.customer.name),
        )
        for each in rows
    ]
