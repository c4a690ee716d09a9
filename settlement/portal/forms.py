"""What people type at the desks of settlement."""

import secrets
from typing import Any, Final

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config import money
from config.refusals import Refused
from settlement.portal import code_words

KEY_BYTES: Final = 18
AMOUNT_MAX: Final = 10**15 - 1  # fifteen digits, as the API takes them


class OutcomeForm(forms.Form):
    """How something ended: kept with it and in the audit trail."""

    words = forms.CharField(
        label=_("How it ended"),
        max_length=200,
        help_text=_("Up to 200 characters; goes into the audit trail and stays there."),
    )


class WishForm(forms.Form):
    """What is keyed once, in the merchant's currency: ``key`` makes the same page one wish."""

    store = forms.CharField(max_length=32, widget=forms.HiddenInput)
    key = forms.CharField(
        max_length=64,
        widget=forms.HiddenInput,
        validators=[RegexValidator(r"\A[A-Za-z0-9_-]{16,64}\Z")],
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency


class ChargeForm(WishForm):
    """What a till charges."""

    amount = forms.CharField(label=_("Amount"), max_length=24)
    order = forms.CharField(label=_("Order or note"), max_length=64, required=False)
    code = forms.CharField(
        label=_("Customer's code"),
        max_length=64,
        required=False,
        help_text=_("If a phone shows one: 16 digits bring its benefits, 26 also pay."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
        ),
    )

    def clean_amount(self) -> int:
        return minor_of(self.cleaned_data["amount"], self.currency)

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if code and (is_another := code_words.other_number(code)):
            raise forms.ValidationError(is_another, code="other_number")
        return code


class ReasonForm(forms.Form):
    """Why money goes back: kept with it and in the audit trail."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        help_text=_("Goods returned, wrong amount: it stands with the payment and in the trail."),
    )


class RefundForm(ReasonForm):
    """How much of a payment goes back; ``seen``: what was refunded when the form was shown."""

    WHOLE, PART = "all", "part"

    how = forms.ChoiceField(label=_("How much"), widget=forms.RadioSelect, initial=WHOLE)
    amount = forms.CharField(label=_("Amount"), max_length=24, required=False)
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    field_order = ("how", "amount", "reason", "seen")

    def __init__(self, *args: Any, left_minor: int, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.left_minor, self.currency = left_minor, currency
        left = str(money.Money(left_minor, currency))
        how = self.fields["how"]
        assert isinstance(how, forms.ChoiceField)
        how.choices = [
            (self.WHOLE, gettext("All that is left, %(left)s") % {"left": left}),
            (self.PART, gettext("A part")),
        ]
        self.fields["amount"].help_text = gettext("At most %(left)s.") % {"left": left}

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if told.get("how") == self.WHOLE:
            return told | {"amount": self.left_minor}
        if "amount" in told:
            try:
                told["amount"] = minor_of(told["amount"], self.currency)
            except forms.ValidationError as wrong:
                self.add_error("amount", wrong)
        return told


def fresh_key() -> str:
    """Return a key that no wish had."""
    return secrets.token_urlsafe(KEY_BYTES)


def fresh_wish(*, store: str) -> dict[str, str]:
    """Return what a new page of a :class:`WishForm` at ``store`` (a reference) begins with."""
    return {"store": store, "key": fresh_key()}


def minor_of(typed: str, currency: str) -> int:
    """Return a typed amount in minor units, an error of its field for what is no payment's."""
    try:
        minor = money.parse(typed, currency)
    except Refused as refusal:
        raise forms.ValidationError(refusal.detail, code=refusal.code) from None
    if not 1 <= minor <= AMOUNT_MAX:
        raise forms.ValidationError(gettext("It must be more than nothing."), code="amount")
    return minor


def show_refusal(form: forms.BaseForm, refusal: Refused) -> None:
    """Show a refusal of the domain above the form it came from."""
    form.add_error(None, forms.ValidationError(gettext(refusal.detail), code=refusal.code))
