"""What people type at the desks of settlement."""

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.refusals import Refused


class OutcomeForm(forms.Form):
    """How something ended: kept with it and in the audit trail."""

    words = forms.CharField(
        label=_("How it ended"),
        max_length=200,
        help_text=_("Up to 200 characters; goes into the audit trail and stays there."),
    )


def show_refusal(form: forms.BaseForm, refusal: Refused) -> None:
    """Show a refusal of the domain above the form it came from."""
    form.add_error(None, forms.ValidationError(gettext(refusal.detail), code=refusal.code))
