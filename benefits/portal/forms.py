"""The terms of a campaign as people type them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from benefits.models import Definition, Sponsor
from benefits.portal import typed, words
from benefits.portal.choices import Offered
from benefits.rules.vocabulary import BALANCES, WHOLE_BPS, Kind
from benefits.selectors.campaigns import Owner
from benefits.services.catalogue import Terms
from config import money

CURRENCIES: Final = ["KRW", "USD", "EUR", "JPY", "CNY", "GBP", "KWD"]
_KINDS: Final = [(kind.value, words.KINDS[kind]) for kind in Kind if kind != Kind.CASH_RECEIPT]
_AMOUNTS: Final = ("amount", "cap", "min_purchase", "budget", "min_spend", "step")
_SHARE_ALONE: Final = frozenset({Kind.COUPON_PERCENT})
_AMOUNT_ALONE: Final = frozenset({Kind.COUPON_FIXED})


def _text(label: Any, hint: Any = "", *, most: int = 40, required: bool = False) -> forms.CharField:
    return forms.CharField(label=label, help_text=hint, max_length=most, required=required)


def _count(label: Any, hint: Any = "", *, least: int = 1, most: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, help_text=hint, min_value=least, max_value=most, required=False
    )


def _several(label: Any, hint: Any = "") -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, help_text=hint, required=False, widget=forms.CheckboxSelectMultiple
    )


def _day(label: Any, hint: Any = "") -> forms.DateField:
    return forms.DateField(
        label=label,
        help_text=hint,
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class CampaignForm(forms.Form):
    """All that a sponsor decides about a campaign; what stays empty is no condition."""

    name = _text(
        gettext_lazy("Name"),
        gettext_lazy("Customers read it on their phone and on the receipt."),
        most=80,
        required=True,
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=_KINDS, initial="COUPON_PERCENT")
    currency = forms.ChoiceField(
        label=gettext_lazy("Currency"), choices=[(code, code) for code in CURRENCIES]
    )
    percent = _text(gettext_lazy("Percent off"), gettext_lazy("10 or 2.5."))
    amount = _text(gettext_lazy("Amount off"), gettext_lazy("Instead of a percentage; never both."))
    cap = _text(gettext_lazy("Never more than"))
    skus = _text(
        gettext_lazy("Articles"),
        gettext_lazy("Their numbers at the till, set apart by commas. Empty: everything."),
        most=2_000,
    )
    units_most = _count(gettext_lazy("Units of each article, at most"), most=1_000)
    min_spend = _text(gettext_lazy("Points are spent from"))
    step = _text(gettext_lazy("In steps of"))
    merchants = _several(gettext_lazy("Merchants"), gettext_lazy("None: at every one."))
    stores = _several(gettext_lazy("Stores"), gettext_lazy("None: in every one."))
    programmes = _several(
        gettext_lazy("Cards that bring it"), gettext_lazy("Of a card discount. None: any card.")
    )
    min_purchase = _text(gettext_lazy("When the purchase is at least"))
    begins = _day(gettext_lazy("First day"), gettext_lazy("Empty: from its publication."))
    ends = _day(gettext_lazy("Last day"), gettext_lazy("Empty: without end."))
    valid_days = _count(
        gettext_lazy("Days it is good for"),
        gettext_lazy("From the day a customer gets it. Empty: to the last day."),
        most=3_650,
    )
    uses_each = _count(
        gettext_lazy("Uses per customer"), gettext_lazy("Empty: without end."), most=10_000
    )
    uses_in_all = _count(gettext_lazy("Uses in all"), most=10**9)
    budget = _text(
        gettext_lazy("Budget"), gettext_lazy("It stops by itself once this much is spent.")
    )
    stack_group = _text(
        gettext_lazy("Group"),
        gettext_lazy("Of one group only one counts. Other campaigns join it by the same word."),
        most=64,
    )
    excluded_kinds = _several(gettext_lazy("Not together with"))
    excluded_definitions = _several(gettext_lazy("Not together with these campaigns"))
    priority = _count(
        gettext_lazy("Turn among its kind"),
        gettext_lazy("The lowest first; 0 unless it matters."),
        least=0,
        most=1_000,
    )
    grace_days = _count(
        gettext_lazy("Days of grace"),
        gettext_lazy("So long after its end a full refund still gives it back."),
        least=0,
        most=365,
    )
    partner = forms.ChoiceField(label=gettext_lazy("Another sponsor"), required=False)
    partner_share = _text(
        gettext_lazy("What it bears, in percent"),
        gettext_lazy("Below the half: who bears most keeps the campaign."),
    )

    def __init__(
        self, *args: Any, owner: Owner, choices: Mapping[str, Offered], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        self.shared_with: tuple[str, int] | None = None  # another sponsor, and what it bears
        self.searched = {name for name, offered in choices.items() if offered.searched}
        if owner.currency:
            del self.fields["currency"]
        self.fields["excluded_kinds"].choices = _KINDS  # type: ignore[attr-defined]
        for name, offered in choices.items():
            nobody = [("", _("nobody"))] if name == "partner" else []
            self.fields[name].choices = nobody + offered.options  # type: ignore[attr-defined]
            if not offered.options and not offered.searched:
                del self.fields[name]
        if "partner" not in self.fields:
            del self.fields["partner_share"]

    @property
    def unit(self) -> str:
        """Return the currency its amounts are in."""
        chosen = self.data.get("currency") or self.initial.get("currency") or CURRENCIES[0]
        return self.owner.currency or (chosen if chosen in CURRENCIES else CURRENCIES[0])

    def clean(self) -> dict[str, Any]:
        for name in _AMOUNTS:
            self._read(name, lambda text: typed.minor(text, self.unit, least=1))
        self._read("percent", typed.bps)
        self._read("skus", typed.names)
        self._read("partner_share", typed.bps)
        self._refuse_misfits(Kind(self.cleaned_data.get("kind") or Kind.COUPON_PERCENT))
        self._read_days()
        self._read_partner()
        return self.cleaned_data

    def _read(self, name: str, read: Callable[[str], Any]) -> None:
        """Put what ``read`` makes of a field in its place, None of nothing; a fault beside it."""
        text = self.cleaned_data.get(name)
        try:
            self.cleaned_data[name] = read(text) if text else None
        except forms.ValidationError as fault:
            self.add_error(name, fault)

    def _refuse_misfits(self, kind: Kind) -> None:
        share, amount = self.cleaned_data.get("percent"), self.cleaned_data.get("amount")
        if kind in BALANCES:
            self._only_if_empty(("percent", "amount"), _("Each customer's balance says how much."))
        elif kind in _SHARE_ALONE:
            self._only_if_empty(("amount",), _("A percentage coupon takes a share."))
        elif kind in _AMOUNT_ALONE:
            self._only_if_empty(("percent",), _("This coupon takes an amount."))
        elif share and amount:
            self.add_error("amount", _("Either a percentage or an amount, not both."))
        needed = "amount" if kind in _AMOUNT_ALONE else "percent"
        missing = not (share or amount) and not {"percent", "amount"} & set(self.errors)
        if kind not in BALANCES and missing:
            self.add_error(needed, _("Say how much it takes off."))
        if kind != Kind.POINTS:
            self._only_if_empty(("min_spend", "step"), _("For points alone."))
        if kind != Kind.CARD_DISCOUNT:
            self._only_if_empty(("programmes",), _("For card discounts alone."))

    def _only_if_empty(self, names: Iterable[str], says: str) -> None:
        for name in names:
            if self.cleaned_data.get(name):
                self.add_error(name, says)

    def _read_days(self) -> None:
        begins, ends = self.cleaned_data.get("begins"), self.cleaned_data.get("ends")
        if begins and ends and ends < begins:
            self.add_error("ends", _("It ends before it begins."))

    def _read_partner(self) -> None:
        reference, share = self.cleaned_data.get("partner"), self.cleaned_data.get("partner_share")
        if share is not None and share * 2 >= WHOLE_BPS:
            self.add_error("partner_share", _("It bears less than the half."))
        elif bool(reference) != (share is not None) and "partner_share" not in self.errors:
            self.add_error("partner_share", _("Name the sponsor and what it bears, or neither."))
        elif reference and share:
            self.shared_with = (reference, share)

    def _midnight(self, name: str, *, days_after: int = 0) -> datetime | None:
        day = self.cleaned_data[name]
        return day and typed.midnight(day, self.owner.time_zone, days_after=days_after)

    def terms(self) -> Terms:
        """Return what was typed as the terms of a benefit."""
        said = self.cleaned_data
        kind, owner = Kind(said["kind"]), self.owner
        mine = owner.kind == Sponsor.Kind.MERCHANT
        issues = owner.kind == Sponsor.Kind.ISSUER and kind == Kind.CARD_DISCOUNT
        return Terms(
            name=said["name"].strip(),
            kind=kind,
            currency=self.unit,
            percent_bps=said["percent"],
            amount_minor=said["amount"],
            merchants=(owner.reference,) if mine else tuple(said.get("merchants") or ()),
            stores=tuple(said.get("stores") or ()),
            skus=tuple(said["skus"] or ()),
            starts_at=self._midnight("begins"),
            ends_at=self._midnight("ends", days_after=1),
            valid_days=said["valid_days"],
            min_purchase_minor=said["min_purchase"] or 0,
            cap_minor=said["cap"],
            units_most=said["units_most"],
            min_spend_minor=said["min_spend"] or 0,
            step_minor=said["step"] or 1,
            stack_group=said["stack_group"].strip(),
            excluded_definitions=tuple(said.get("excluded_definitions") or ()),
            excluded_kinds=tuple(said["excluded_kinds"]),
            priority=said["priority"] or 0,
            issuers=(owner.reference,) if issues else (),
            programmes=tuple(said.get("programmes") or ()),
            uses_each=said["uses_each"],
            uses_in_all=said["uses_in_all"],
            budget_minor=said["budget"],
            grace_days=said["grace_days"] or 0,
        )


BLANK: Final = {"uses_each": 1, "grace_days": 7, "priority": 0}


def initial_of(*, definition: Definition, owner: Owner) -> dict[str, Any]:
    """Return the terms of ``definition`` as they would have been typed."""
    zone = ZoneInfo(owner.time_zone)
    told = {
        name: getattr(definition, name)
        for name in (
            *("name", "kind", "currency", "merchants", "stores", "programmes", "units_most"),
            *("valid_days", "uses_each", "uses_in_all", "stack_group", "excluded_kinds"),
            *("excluded_definitions", "priority", "grace_days"),
        )
    }
    for name in _AMOUNTS:
        amount = getattr(definition, f"{name}_minor")
        shown = amount and not (name == "step" and amount == 1)
        told[name] = money.text(amount, definition.currency) if shown else ""
    told["percent"] = (
        words.percent(definition.percent_bps).rstrip(" %") if definition.percent_bps else ""
    )
    told["skus"] = ", ".join(definition.skus)
    told["begins"] = _local_day(definition.starts_at, zone)
    told["ends"] = _local_day(definition.ends_at, zone, before=timedelta(microseconds=1))
    return told | _partner_of(definition, owner)


def _local_day(at: datetime | None, zone: ZoneInfo, before: timedelta = timedelta()) -> Any:
    return (at - before).astimezone(zone).date() if at else None


def _partner_of(definition: Definition, owner: Owner) -> dict[str, Any]:
    others = definition.shares.exclude(sponsor__owner=owner.reference).select_related("sponsor")
    other = others.first()
    if other is None:
        return {}
    return {
        "partner": other.sponsor.reference,
        "partner_share": words.percent(other.bps).rstrip(" %"),
    }
