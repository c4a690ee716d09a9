"""What people type at an issuer's desk."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config import money
from config.refusals import Refused
from issuers.models import Issuer, OfflineProfileVersion, Programme
from issuers.portal import words
from issuers.services import profiles
from issuers.services.profiles import Caps
from issuers.services.programmes import CERTIFICATE_DAYS_MAX, OnlineLimits
from wallets.selectors import holders

CURRENCIES = ["KRW", "USD", "EUR", "JPY", "CNY", "GBP", "KWD"]
AMOUNTS = ("per_payment_cap", "cumulative_cap", "unverified_cap")


class BlockForm(forms.Form):
    """Why a card goes on the list."""

    reason = forms.ChoiceField(label=_("Reason"), choices=lambda: list(words.reasons().items()))
    note = forms.CharField(
        label=_("Note"), max_length=200, required=False, help_text=_("For colleagues; stays here.")
    )


class UnblockForm(forms.Form):
    """Why a card comes off the list."""

    reason = forms.CharField(
        label=_("Why"), max_length=200, required=False, help_text=_("Goes into the audit trail.")
    )


class IssueForm(forms.Form):
    """A new card for a customer; amounts are read in the programme's currency."""

    programme = forms.ModelChoiceField(
        label=_("Programme"), queryset=Programme.objects.none(), to_field_name="reference"
    )
    holder = forms.CharField(
        label=_("Customer"), max_length=32, help_text=_("The customer's reference, CUS-…")
    )
    balance = forms.CharField(
        label=_("Opening balance"),
        initial="0",
        help_text=_("The customer's own money, in the programme's currency."),
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    limit = forms.CharField(
        label=_("Credit limit"),
        initial="0",
        help_text=_("What you lend: credit cards alone have one."),
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )

    def __init__(self, *args: Any, issuer: Issuer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["programme"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = issuer.programmes.order_by("name", "id")

    def clean_holder(self) -> str:
        typed = str(self.cleaned_data["holder"]).strip().upper()
        if typed not in holders.names_of(references=[typed]):
            raise forms.ValidationError(_("There is no customer with this reference."))
        return typed

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or self.cleaned_data
        programme = told.get("programme")
        for name in ("balance", "limit"):
            if programme is not None and name in told:
                _read_amount(self, name, programme.currency)
        return told


class _LimitsForm(forms.Form):
    """Offline limits; ``currency`` decides how amounts are read."""

    currency_of_limits = ""

    per_payment_cap = forms.CharField(
        label=_("Per payment, at most"), widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    cumulative_cap = forms.CharField(
        label=_("In all, at most"),
        help_text=_("Set aside on the account until the certificate has ended."),
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    unverified_cap = forms.CharField(
        label=_("Without PIN or fingerprint, at most"),
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    lower_uses = forms.IntegerField(
        label=_("Payments until it prefers online"), min_value=0, max_value=1000
    )
    upper_uses = forms.IntegerField(label=_("Payments until it stops"), min_value=0, max_value=1000)
    contact_days = forms.IntegerField(
        label=_("Days until it must contact you"), min_value=1, max_value=CERTIFICATE_DAYS_MAX
    )

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or self.cleaned_data
        currency = self.currency_of_limits or told.get("currency", "")
        for name in AMOUNTS:
            if currency and name in told:
                _read_amount(self, name, currency)
        return told

    def caps(self) -> Caps:
        """Return the limits as the domain takes them, amounts in minor units."""
        told = self.cleaned_data
        return Caps(
            per_payment_cap_minor=told["per_payment_cap"],
            cumulative_cap_minor=told["cumulative_cap"],
            unverified_cap_minor=told["unverified_cap"],
            lower_uses=told["lower_uses"],
            upper_uses=told["upper_uses"],
            contact_days=told["contact_days"],
        )


class LimitsForm(_LimitsForm):
    """A programme's next offline limits, and the moment they begin."""

    effective_from = forms.DateTimeField(
        label=_("In force from"),
        help_text=_("Empty: at once. Certificates already out keep the limits they state."),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    field_order = ["effective_from"]

    def __init__(self, *args: Any, programme: Programme, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency_of_limits = programme.currency

    def begins_at(self, now: datetime) -> datetime:
        """Return when the limits begin: as typed, or ``now`` where nothing was."""
        typed: datetime | None = self.cleaned_data["effective_from"]
        return typed or now


class _TermsForm(forms.Form):
    """What may change of a programme while its cards are out."""

    name = forms.CharField(label=_("Name"), max_length=80)
    certificate_rule = forms.ChoiceField(
        label=_("A phone gets the card"), choices=lambda: list(words.rules().items())
    )
    certificate_days = forms.IntegerField(
        label=_("Days a certificate lives"),
        min_value=1,
        max_value=CERTIFICATE_DAYS_MAX,
        initial=CERTIFICATE_DAYS_MAX,
        help_text=_("A stolen phone kept off the network can go on paying this long."),
    )
    reset_on_posting = forms.BooleanField(
        label=_("Reset the offline counters when payments are posted"), required=False
    )
    list_on_debt = forms.BooleanField(
        label=_("List a card while its account owes"),
        required=False,
        initial=True,
        help_text=_("What is spent offline beyond the account; paid, the card comes off again."),
    )
    online_cap = forms.CharField(
        label=_("A payment online, at most"),
        required=False,
        help_text=_("Empty: as much as is available."),
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    velocity_count = forms.IntegerField(
        label=_("Approvals online of one card, at most"),
        min_value=1,
        max_value=1000,
        initial=30,
    )
    velocity_minutes = forms.IntegerField(
        label=_("Within so many minutes"), min_value=1, max_value=7 * 24 * 60, initial=60
    )

    def online(self) -> OnlineLimits:
        """Return the online limits as the domain takes them."""
        told = self.cleaned_data
        return OnlineLimits(
            per_payment_cap_minor=told["online_cap"],
            velocity_count=told["velocity_count"],
            velocity_window_s=told["velocity_minutes"] * 60,
        )

    def read_online_cap(self, currency: str) -> None:
        """Read the cap in ``currency``; empty is none."""
        if not self.cleaned_data.get("online_cap"):
            self.cleaned_data["online_cap"] = None
        elif currency:
            _read_amount(self, "online_cap", currency)


class ProgrammeForm(_TermsForm):
    """The terms of a programme that is there."""

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or self.cleaned_data
        self.read_online_cap(self.currency)
        return told


class NewProgrammeForm(_TermsForm, _LimitsForm):
    """A new programme with its first offline limits; kind and currency never change."""

    kind = forms.ChoiceField(label=_("Kind"), choices=lambda: list(words.kinds().items()))
    currency = forms.ChoiceField(
        label=_("Currency"),
        choices=[(code, code) for code in CURRENCIES],
        help_text=_("Stays for ever, as the kind does."),
    )
    field_order = ["name", "kind", "currency", "certificate_rule", "certificate_days"]

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean()
        self.read_online_cap(told.get("currency", ""))
        return told


def first_limits(currency: str) -> dict[str, Any]:
    """Return the usual limits of ``currency``, as the form of a new programme shows them."""
    return _typed(profiles.default_caps(currency=currency), currency)


def next_limits(profile: OfflineProfileVersion, currency: str) -> dict[str, Any]:
    """Return the limits of ``profile``, as the form of the next version shows them."""
    return _typed(profile, currency)


def online_limits(programme: Programme) -> dict[str, Any]:
    """Return the online limits of ``programme``, as the form of its terms shows them."""
    cap_minor = programme.per_payment_online_cap_minor
    return {
        "online_cap": "" if cap_minor is None else money.text(cap_minor, programme.currency),
        "velocity_count": programme.velocity_count,
        "velocity_minutes": programme.velocity_window_s // 60,
    }


def _typed(limits: Caps | OfflineProfileVersion, currency: str) -> dict[str, Any]:
    return {
        "per_payment_cap": money.text(limits.per_payment_cap_minor, currency),
        "cumulative_cap": money.text(limits.cumulative_cap_minor, currency),
        "unverified_cap": money.text(limits.unverified_cap_minor, currency),
        "lower_uses": limits.lower_uses,
        "upper_uses": limits.upper_uses,
        "contact_days": limits.contact_days,
    }


def _read_amount(form: forms.Form, name: str, currency: str) -> None:
    """Put the minor units of what was typed in its place, or say beside the field what is wrong."""
    try:
        form.cleaned_data[name] = money.parse(form.cleaned_data[name], currency)
    except Refused as refusal:
        form.add_error(name, forms.ValidationError(gettext(refusal.detail), code=refusal.code))


def show_refusal(form: forms.BaseForm, refusal: Refused) -> None:
    """Show a refusal of the domain above the form it came from."""
    form.add_error(None, forms.ValidationError(gettext(refusal.detail), code=refusal.code))
