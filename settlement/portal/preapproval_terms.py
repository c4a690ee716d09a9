"""What programmes let their holders have approved beforehand, and what a change would do."""

from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from config import money
from config.paging import newest_first
from config.people.access import SignedInRequest, actor_of, may, right_required
from config.portal import sheets
from config.refusals import Refused
from config.roles import Right
from issuers.models import Programme
from issuers.rules.preapproving import KINDS, Terms
from issuers.services import preapproval_policies
from issuers.services.preapproval_policies import COUNT_MAX
from settlement.portal import preapproval_words as words
from settlement.portal.forms import show_refusal
from settlement.portal.machine_sheets import TERMS
from settlement.portal.places import issuer_for
from settlement.selectors import preapproval_lists as lists

MINUTE_S: Final = 60
DAY_MIN: Final = 24 * 60


class TermsForm(forms.Form):
    """The terms of one programme; the sum is read in its currency."""

    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("What may be approved"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        choices=[(kind.value, word) for kind, word in words.KINDS.items()],
    )
    valid_default = forms.IntegerField(
        label=gettext_lazy("Usual validity, minutes"), min_value=1, max_value=DAY_MIN
    )
    valid_max = forms.IntegerField(
        label=gettext_lazy("Longest validity, minutes"),
        help_text=gettext_lazy("A customer may choose less, never more. At most a day."),
        min_value=1,
        max_value=DAY_MIN,
    )
    pickup_code_needed = forms.BooleanField(
        label=gettext_lazy("Cash needs a pickup code"),
        help_text=gettext_lazy("Four digits the customer chooses and types at the machine."),
        required=False,
    )
    delegated_allowed = forms.BooleanField(
        label=gettext_lazy("Somebody else may fetch it"),
        help_text=gettext_lazy("Where not, every number needs its holder's pickup code."),
        required=False,
    )
    partial_allowed = forms.BooleanField(
        label=gettext_lazy("A machine may pay out less"), required=False
    )
    outstanding_max = forms.IntegerField(
        label=gettext_lazy("Open at a time, at most"), min_value=0, max_value=COUNT_MAX
    )
    daily_count_max = forms.IntegerField(
        label=gettext_lazy("In a day, at most"), min_value=0, max_value=COUNT_MAX
    )
    daily_sum_max = forms.CharField(
        label=gettext_lazy("Sum of a day, at most"),
        max_length=24,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Goes into the audit trail."),
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency

    def clean_daily_sum_max(self) -> int:
        try:
            minor = money.parse(self.cleaned_data["daily_sum_max"], self.currency)
        except Refused as refusal:
            raise forms.ValidationError(refusal.detail, code=refusal.code) from None
        if minor < 0:
            raise forms.ValidationError(_("It cannot be less than nothing."), code="amount")
        return minor

    def terms(self) -> Terms:
        """Return what was typed as the domain takes it."""
        told = self.cleaned_data
        return Terms(
            kinds=frozenset(told["kinds"]) & frozenset(KINDS),
            valid_default_s=told["valid_default"] * MINUTE_S,
            valid_max_s=told["valid_max"] * MINUTE_S,
            pickup_code_needed=told["pickup_code_needed"],
            partial_allowed=told["partial_allowed"],
            delegated_allowed=told["delegated_allowed"],
            outstanding_max=told["outstanding_max"],
            daily_count_max=told["daily_count_max"],
            daily_sum_max_minor=told["daily_sum_max"],
        )


@right_required(Right.SEE_CARDS)
@require_safe
def terms_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    """List the programmes with the terms in force."""
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    if sheets.wanted(request):
        return sheets.download(request, name="terms", rows=row.programmes.all(), sheet=TERMS)
    page = newest_first(rows=row.programmes.all(), request=request)
    terms = preapproval_policies.terms_of_all(programmes=page.rows)
    context = {
        "issuer": row,
        "page": page,
        "listed": [
            (each, terms[each.pk], _kinds(terms[each.pk]), terms[each.pk].valid_max_s // MINUTE_S)
            for each in page.rows
        ],
        "may_edit": may(
            membership=cast("SignedInRequest", request).membership, right=Right.EDIT_PROGRAMMES
        ),
    }
    return render(request, "settlement/preapproval_terms_list.html", context)


@right_required(Right.EDIT_PROGRAMMES)
@require_http_methods(["GET", "POST"])
def terms_edit(request: HttpRequest, issuer: str, programme: str) -> HttpResponse:
    """Ask for the terms of a programme; tell what they would have meant, or let them hold."""
    row = issuer_for(request, issuer, Right.EDIT_PROGRAMMES)
    rows = Programme.objects.select_related("issuer")
    held = get_object_or_404(rows, issuer=row, reference=programme)
    initial = _initial(preapproval_policies.terms_of(programme=held), held.currency)
    form = TermsForm(request.POST or None, currency=held.currency, initial=initial)
    context = {"issuer": row, "programme": held, "form": form, "effect": None}
    if request.method == "POST" and form.is_valid():
        if "preview" in request.POST:
            today = timezone.now().astimezone(ZoneInfo(row.time_zone)).date()
            context["effect"] = lists.effect_of(programme=held, terms=form.terms(), today=today)
        elif _saved(request, held, form):
            messages.success(request, _("The terms hold from now on."))
            return redirect("preapproval-terms-list", issuer=row.reference)
    return render(request, "settlement/preapproval_terms.html", context)


def _saved(request: HttpRequest, programme: Programme, form: TermsForm) -> bool:
    try:
        preapproval_policies.set_terms(
            programme=programme,
            terms=form.terms(),
            reason=form.cleaned_data["reason"],
            actor=actor_of(request),
            at=timezone.now(),
        )
    except Refused as refusal:
        show_refusal(form, refusal)
        return False
    return True


def _initial(terms: Terms, currency: str) -> dict[str, Any]:
    return {
        "kinds": sorted(terms.kinds),
        "valid_default": max(1, terms.valid_default_s // MINUTE_S),
        "valid_max": max(1, terms.valid_max_s // MINUTE_S),
        "pickup_code_needed": terms.pickup_code_needed,
        "partial_allowed": terms.partial_allowed,
        "delegated_allowed": terms.delegated_allowed,
        "outstanding_max": terms.outstanding_max,
        "daily_count_max": terms.daily_count_max,
        "daily_sum_max": money.text(terms.daily_sum_max_minor, currency),
    }


def _kinds(terms: Terms) -> list[str]:
    return [str(word) for kind, word in words.KINDS.items() if kind in terms.kinds]
