"""Forms of the account and staff pages: shape alone; rules stand in ``config.people``."""

import zoneinfo
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from config.people import passwords
from config.roles import KIND_OF, Role, TenantKind


def _code(**attrs: str) -> forms.TextInput:
    return forms.TextInput(
        attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}
        | attrs
    )


def _new_password() -> forms.CharField:
    return forms.CharField(
        label=_("New password"),
        help_text=_("At least 15 characters. A few words in a row are good; signs are not needed."),
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class SignInForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail"),
        widget=forms.EmailInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class CodeForm(forms.Form):
    code = forms.CharField(label=_("Six-digit code"), max_length=12, widget=_code())


class RecoveryCodeForm(forms.Form):
    code = forms.CharField(
        label=_("Recovery code"),
        help_text=_("One of the ten you kept. Each is good once."),
        max_length=24,
        widget=_code(autocomplete="off", inputmode="text", autocapitalize="characters"),
    )


class ForgottenForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )


class NewPasswordForm(forms.Form):
    password = _new_password()

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if wrong := passwords.faults(password=password):
            raise forms.ValidationError(wrong)
        return password


class ChangePasswordForm(NewPasswordForm):
    old = forms.CharField(
        label=_("Password now"),
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("old", "password")


class AcceptForm(NewPasswordForm):
    name = forms.CharField(
        label=_("Your name"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    field_order = ("name", "password")


class ProofForm(forms.Form):
    proof = forms.CharField(
        label=_("Code now"),
        help_text=_("Six digits of the authenticator you use now, or a recovery code."),
        max_length=24,
        widget=_code(inputmode="text"),
    )

    def __init__(self, *args: Any, asked: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not asked:
            del self.fields["proof"]


class ReplaceForm(ProofForm):
    code = forms.CharField(
        label=_("Code of the new one"), max_length=12, widget=_code(autocomplete="off")
    )


class ProfileForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"), help_text=_("Every time on every page is shown in it.")
    )
    theme = forms.ChoiceField(
        label=_("Appearance"),
        help_text=_("Kept in this browser."),
        widget=forms.RadioSelect,
        choices=[("auto", _("Like the system")), ("light", _("Light")), ("dark", _("Dark"))],
    )
    shortcuts = forms.BooleanField(
        label=_("Single-key shortcuts"),
        help_text=_("Turn them off if you dictate."),
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = sorted(name for name in zoneinfo.available_timezones() if "/" in name)
        self.fields["time_zone"].choices = [(name, name) for name in ["UTC", *names]]  # type: ignore[attr-defined]


class InviteForm(forms.Form):
    """Whom to invite as what; a person of the platform also says where."""

    email = forms.EmailField(label=_("E-mail"), help_text=_("The way in is sent there."))
    name = forms.CharField(label=_("Name"), max_length=80)
    role = forms.ChoiceField(label=_("Role"))
    tenant = forms.CharField(
        label=_("Tenant"),
        help_text=_("Reference of the issuer, merchant or brand; empty for roles of the platform."),
        max_length=32,
        required=False,
    )

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        everywhere = kind == TenantKind.PLATFORM
        offered = [role for role in Role if everywhere or KIND_OF[role] == kind]
        self.fields["role"].choices = [  # type: ignore[attr-defined]
            (role.value, role.label) for role in offered
        ]
        if not everywhere:
            del self.fields["tenant"]
