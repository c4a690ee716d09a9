"""What people type and choose to set webhooks up."""

from django import forms
from django.utils.translation import gettext_lazy as _

from merchants.rules.targets import URL_MAX
from merchants.services.webhooks.endpoints import EVENT_TYPES

OVERLAPS = [
    ("24", _("After 24 hours: time to change the receiver")),
    ("1", _("After one hour")),
    ("0", _("At once: it leaked")),
]


class WebhookForm(forms.Form):
    """Where events go, and which."""

    url = forms.URLField(
        label=_("Address"),
        help_text=_("https, port 443 or 8443, a public host."),
        max_length=URL_MAX,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    description = forms.CharField(label=_("What receives them"), max_length=80, required=False)
    event_types = forms.MultipleChoiceField(
        label=_("Events"),
        help_text=_("None chosen: all of them, those of later versions too."),
        choices=[(name, name) for name in EVENT_TYPES],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )


class RotateForm(forms.Form):
    """When the secret before ends."""

    overlap_h = forms.TypedChoiceField(
        label=_("The secret of now ends"),
        choices=OVERLAPS,
        coerce=int,
        initial="24",
        widget=forms.RadioSelect,
    )


class ReplayFailedForm(forms.Form):
    """How far back what was given up is sent again."""

    hours = forms.TypedChoiceField(
        label=_("Given up, of the last"),
        choices=[("1", _("hour")), ("24", _("24 hours")), ("72", _("3 days")), ("720", _("month"))],
        coerce=int,
        initial="72",
    )
