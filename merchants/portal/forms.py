"""What people type to set a shop up."""

from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from config import money
from config.models.devices import DeviceKind
from config.refusals import Refused
from merchants.models import Merchant, Store

CURRENCIES = ["KRW", "USD", "EUR", "JPY", "CNY", "GBP", "KWD"]
KINDS = [
    (DeviceKind.READER, _("Card reader")),
    (DeviceKind.TERMINAL, _("Terminal")),
    (DeviceKind.ATM, _("ATM")),
    (DeviceKind.RELAY, _("Relay")),
]


def _zones() -> list[tuple[str, str]]:
    return [(zone, zone) for zone in sorted(available_timezones()) if "/" in zone]


class MerchantForm(forms.ModelForm):  # type: ignore[type-arg]
    """What may change of a merchant."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=_zones,
        initial="Asia/Seoul",
        help_text=_("Decides which business day a payment belongs to."),
    )
    blacklist_max_age_h = forms.IntegerField(
        label=_("Oldest blacklist, hours"),
        min_value=1,
        max_value=24 * 7,
        initial=24,
        help_text=_("A reader with an older list approves nothing offline."),
    )

    class Meta:
        model = Merchant
        fields = ["name", "mcc"]
        labels = {"name": _("Name"), "mcc": _("Merchant category code")}
        help_texts = {"mcc": _("Four digits, ISO 18245.")}


class NewMerchantForm(forms.Form):
    """A merchant to be added; the currency can never change later."""

    name = forms.CharField(label=_("Name"), max_length=80)
    currency = forms.ChoiceField(
        label=_("Currency"),
        choices=[(code, code) for code in CURRENCIES],
        help_text=_("Stays for ever: a merchant is paid out in one currency."),
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=_zones, initial="Asia/Seoul")


class SuspendForm(forms.Form):
    """Why a merchant is suspended."""

    reason = forms.CharField(label=_("Reason"), max_length=200, required=False)


class StoreForm(forms.Form):
    """A store's name and place."""

    name = forms.CharField(label=_("Name"), max_length=80)
    address = forms.CharField(label=_("Address"), max_length=200, required=False)


class EnrolForm(forms.Form):
    """Which device will be enrolled, and where it will stand."""

    kind = forms.ChoiceField(label=_("Kind"), choices=KINDS)
    store = forms.ModelChoiceField(
        label=_("Store"), queryset=Store.objects.none(), to_field_name="reference"
    )

    def __init__(self, *args: object, merchant: Merchant, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        choice = self.fields["store"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = merchant.stores.filter(closed_at=None).order_by("name")


class EquipmentForm(forms.Form):
    """A device's name, place and offline limits."""

    name = forms.CharField(label=_("Name"), max_length=80)
    store = forms.ModelChoiceField(
        label=_("Store"), queryset=Store.objects.none(), to_field_name="reference"
    )
    capacity = forms.IntegerField(
        label=_("Stored payments, at most"), min_value=1, max_value=500, initial=500
    )
    floor = forms.CharField(
        label=_("One offline payment, at most"), help_text=_("0 sends every payment online.")
    )
    max_unsent = forms.CharField(
        label=_("Unsent sum, at most"),
        help_text=_("Beyond it the reader approves nothing offline until it has sent its batch."),
    )

    def __init__(self, *args: object, merchant: Merchant, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.currency = merchant.currency
        choice = self.fields["store"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = merchant.stores.filter(closed_at=None).order_by("name")

    def clean_floor(self) -> int:
        return self._amount("floor")

    def clean_max_unsent(self) -> int:
        return self._amount("max_unsent")

    def _amount(self, name: str) -> int:
        return _minor(self.cleaned_data[name], self.currency)


class ApiKeyForm(forms.Form):
    """What a key is for."""

    name = forms.CharField(label=_("What uses this key"), max_length=80)


class AgreementForm(forms.Form):
    """What is agreed next with a merchant."""

    begins = forms.DateField(
        label=_("In force from"),
        help_text=_("The first moment of that day where the merchant is. Empty: at once."),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    online_fee = forms.CharField(label=_("Fee per online approval"))
    offline_fee = forms.CharField(label=_("Fee per offline record"))
    fee_bps = forms.IntegerField(
        label=_("Share of the amount, in hundredths of a percent"),
        help_text=_("80 are 0.80 %; rounded down to the minor unit."),
        min_value=0,
        max_value=10_000,
    )

    def __init__(self, *args: object, currency: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.currency = currency

    def clean_online_fee(self) -> int:
        return _minor(self.cleaned_data["online_fee"], self.currency)

    def clean_offline_fee(self) -> int:
        return _minor(self.cleaned_data["offline_fee"], self.currency)

    def shown(self) -> str:
        """Return what a preview is of: other values are looked at before they are agreed."""
        return "|".join(str(value) for value in self.cleaned_data.values())

    def terms(self) -> dict[str, int]:
        """Return the fees, in minor units and hundredths of a percent."""
        return {
            "online_fee_minor": self.cleaned_data["online_fee"],
            "offline_fee_minor": self.cleaned_data["offline_fee"],
            "fee_bps": self.cleaned_data["fee_bps"],
        }


def _minor(typed: str, currency: str) -> int:
    """Return a typed amount in minor units, an error of its field for what is none."""
    try:
        minor = money.parse(typed, currency)
    except Refused as refusal:
        raise forms.ValidationError(refusal.detail, code=refusal.code) from None
    if minor < 0:
        raise forms.ValidationError(_("It cannot be negative."), code="negative")
    return minor
