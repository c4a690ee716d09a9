"""An earning rule as people type it."""

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from benefits.models import Definition
from benefits.portal import typed, words
from benefits.rules.earning import EarningMalformed, Earns
from benefits.rules.vocabulary import Kind
from benefits.selectors.earning_rules import earnable_at
from benefits.services.earning_rules import EarningTerms
from merchants.models import Merchant

POINTS, STAMPS = "points", "stamps"
_OF_POINTS: Final = ("percent", "lot_days")
_OF_STAMPS: Final = ("stamps_needed",)


def _count(label: Any, hint: Any, *, most: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, help_text=hint, min_value=1, max_value=most, required=False
    )


def _day(label: Any, hint: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, help_text=hint, required=False, widget=widget)


class EarningForm(forms.Form):
    """How customers earn, what they get, and from when to when; ``at``: not before that."""

    how = forms.ChoiceField(
        label=gettext_lazy("How customers earn"),
        choices=[
            (POINTS, gettext_lazy("Points: a share of what they pay")),
            (STAMPS, gettext_lazy("A stamp for each payment, towards a full card")),
        ],
        widget=forms.RadioSelect,
        initial=POINTS,
    )
    percent = forms.CharField(
        label=gettext_lazy("Points, in percent of what is paid"),
        help_text=gettext_lazy("1 or 0.5. Rounded down."),
        max_length=8,
        required=False,
    )
    lot_days = _count(
        gettext_lazy("Days the points live"),
        gettext_lazy("Empty: as their campaign says."),
        most=3_650,
    )
    stamps_needed = _count(gettext_lazy("Stamps of a full card"), "", most=100)
    gives = forms.ModelChoiceField(
        label=gettext_lazy("What it gives"),
        help_text=gettext_lazy("The points; or what a full card brings. Campaigns that are out."),
        queryset=Definition.objects.none(),
        to_field_name="reference",
        empty_label=None,
    )
    min_purchase = forms.CharField(
        label=gettext_lazy("From a payment of"),
        help_text=gettext_lazy("Empty: of any."),
        max_length=24,
        required=False,
    )
    begins = _day(gettext_lazy("First day"), gettext_lazy("Empty: at once."))
    ends = _day(gettext_lazy("Last day"), gettext_lazy("Empty: without end."))
    sample = forms.CharField(
        label=gettext_lazy("Try it with a payment of"), max_length=24, required=False
    )

    def __init__(self, *args: Any, merchant: Merchant, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.merchant, self.at = merchant, at
        choice = self.fields["gives"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = earnable_at(merchant=merchant)
        choice.label_from_instance = _named  # type: ignore[method-assign, assignment]

    def clean_percent(self) -> int | None:
        text = self.cleaned_data["percent"]
        return typed.bps(text) if text else None

    def clean_min_purchase(self) -> int:
        return self._amount("min_purchase") or 0

    def clean_sample(self) -> int | None:
        return self._amount("sample")

    def _amount(self, name: str) -> int | None:
        text = self.cleaned_data[name]
        return typed.minor(text, self.merchant.currency, least=1) if text else None

    def clean(self) -> dict[str, Any]:
        by_stamps = self.cleaned_data.get("how") == STAMPS
        needed, foreign = ("stamps_needed", _OF_POINTS) if by_stamps else ("percent", _OF_STAMPS)
        for name in foreign:
            if self.cleaned_data.get(name):
                other = _("For points alone.") if by_stamps else _("For stamps alone.")
                self.add_error(name, other)
        if self.cleaned_data.get(needed) is None and needed not in self.errors:
            self.add_error(needed, _("Say how much."))
        gives = self.cleaned_data.get("gives")
        if gives is not None and not self.errors:
            self._refuse_misfit(gives)
        self._refuse_days()
        return self.cleaned_data

    def _refuse_misfit(self, gives: Definition) -> None:
        try:
            self.earns().check_gives(Kind(gives.kind))
        except EarningMalformed as refusal:
            self.add_error("gives", _(refusal.detail))

    def _refuse_days(self) -> None:
        begins, ends = self.cleaned_data.get("begins"), self.cleaned_data.get("ends")
        today = self.at.astimezone(ZoneInfo(self.merchant.time_zone)).date()
        if begins and begins < today:
            self.add_error("begins", _("It begins today or later."))
        if ends and ends < (begins or today):
            self.add_error("ends", _("It ends before it begins."))

    def earns(self) -> Earns:
        """Return how it earns, as typed."""
        said = self.cleaned_data
        return Earns(
            points_bps=said["percent"],
            stamps_needed=said["stamps_needed"],
            min_purchase_minor=said["min_purchase"],
        )

    def terms(self) -> EarningTerms:
        """Return what was typed; a first day that is today begins now."""
        said, zone = self.cleaned_data, self.merchant.time_zone
        begins = said["begins"] and typed.midnight(said["begins"], zone)
        return EarningTerms(
            earns=self.earns(),
            starts_at=None if begins is None or begins <= self.at else begins,
            ends_at=said["ends"] and typed.midnight(said["ends"], zone, days_after=1),
            lot_days=said["lot_days"],
        )


class SampleForm(forms.Form):
    """A payment to try a rule with."""

    amount = forms.CharField(label=gettext_lazy("A payment of"), max_length=24)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency

    def clean_amount(self) -> int:
        return typed.minor(self.cleaned_data["amount"], self.currency, least=1)


def _named(definition: Any) -> str:
    return f"{definition.name} ({words.KINDS[Kind(definition.kind)]})"
