"""The test basket: what a customer would pay with a campaign, by the quote engine."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from benefits.models import Definition
from benefits.portal import typed, words
from benefits.portal.places import campaign_for, led_by, offers, owner_for
from benefits.rules.vocabulary import BALANCES, Card, PurchaseMalformed
from benefits.selectors import trials
from benefits.selectors.campaigns import Owner, fingerprint
from benefits.selectors.trials import Basket, Tried
from config import money
from config.people.access import right_required
from config.roles import Right
from issuers.models import Programme
from merchants.models import Store

STORES_MAX = 50
_SAMPLE = {"KRW": "34,000", "JPY": "3,400"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of what the customer sees: the benefit, what it takes, and why so much."""

    name: str
    takes: str
    why: str
    is_this: bool


class BasketForm(forms.Form):
    """What is in the basket, where, and what pays."""

    amount = forms.CharField(label=gettext_lazy("Basket"), max_length=24)
    items = forms.CharField(
        label=gettext_lazy("Articles in it"),
        help_text=gettext_lazy("One a line: number, how many, what they cost together."),
        max_length=2_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    store = forms.ModelChoiceField(
        label=gettext_lazy("Store"),
        queryset=Store.objects.none(),
        to_field_name="reference",
        empty_label=None,
    )
    card = forms.ChoiceField(label=gettext_lazy("Customer pays with"), required=False)
    balance = forms.CharField(
        label=gettext_lazy("On it are"), initial="10,000", max_length=24, required=False
    )
    others = forms.BooleanField(
        label=gettext_lazy("The customer holds all else that is out there"), required=False
    )

    def __init__(self, *args: Any, definition: Definition, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.definition = definition
        stores = self.fields["store"]
        assert isinstance(stores, forms.ModelChoiceField)
        stores.queryset = _stores(definition)
        stores.label_from_instance = _named  # type: ignore[method-assign, assignment]
        cards = Programme.objects.filter(currency=definition.currency).order_by("name")
        self.fields["card"].choices = [  # type: ignore[attr-defined]
            ("", _("anything at the till, no payment number")),
            *((each.reference, each.name) for each in cards[:STORES_MAX]),
        ]
        if definition.kind not in BALANCES:
            del self.fields["balance"]

    def clean_amount(self) -> int:
        return typed.minor(self.cleaned_data["amount"], self.definition.currency, least=1)

    def clean_balance(self) -> int:
        asked = self.cleaned_data["balance"] or "0"
        return typed.minor(asked, self.definition.currency)

    def clean_items(self) -> Any:
        return typed.items(self.cleaned_data["items"], self.definition.currency)

    def basket(self) -> Basket:
        """Return what was typed."""
        said = self.cleaned_data
        return Basket(
            amount_minor=said["amount"],
            store=said["store"],
            items=said["items"],
            card=_card(said["card"]),
            balance_minor=said.get("balance", 0),
            with_others=said["others"],
        )


@right_required(Right.SEE_BENEFITS)
@require_safe
def campaign_basket(request: HttpRequest, owner: str, campaign: str) -> HttpResponse:
    """Answer the basket alone, for the page that has it beside the rules."""
    who = owner_for(request, owner, Right.SEE_BENEFITS)
    row = campaign_for(who, campaign)
    leads = led_by(who, row)
    context: dict[str, Any] = {
        "owner": who,
        "campaign": row,
        "edits": leads and offers(request, Right.EDIT_BENEFITS),
    }
    return render(request, "benefits/basket.html", context | basket_context(request, who, row))


def basket_context(request: HttpRequest, owner: Owner, definition: Definition) -> dict[str, Any]:
    """Return the basket of the address and what the customer would see; nothing yet without one.

    ``previewed`` stands for the terms that were seen at work: only with it a draft is published.
    """
    asked = "amount" in request.GET
    sample = _SAMPLE.get(definition.currency, "34.00")
    form = BasketForm(
        request.GET if asked else None,
        definition=definition,
        initial={"amount": sample, "others": True},
    )
    context: dict[str, Any] = {"basket_form": form, "tried": None}
    if not asked or not form.is_valid():
        return context
    try:
        tried = trials.tried(definition=definition, basket=form.basket(), at=timezone.now())
    except PurchaseMalformed as refusal:
        form.add_error("items", refusal.detail)
        return context
    return context | {
        "tried": tried,
        "later": tried.at if tried.at == definition.starts_at else None,
        "lines": _lines(tried, definition),
        "skips": _skips(tried, definition),
        "pays": tried.best.quote.remainder_minor,
        "purchase": tried.best.quote.purchase.amount_minor,
        "previewed": fingerprint(definition=definition),
    }


def _lines(tried: Tried, definition: Definition) -> list[Row]:
    return [
        Row(
            name=tried.definitions[line.benefit.benefit].name,
            takes=f"{money.MINUS}{money.text(line.amount_minor, definition.currency)}",
            why=words.why_taken(why=line.why),
            is_this=line.benefit.benefit == definition.reference,
        )
        for line in tried.best.quote.lines
    ]


def _skips(tried: Tried, definition: Definition) -> list[Row]:
    names = {reference: each.name for reference, each in tried.definitions.items()}
    found = [
        Row(
            name=names[skip.benefit.benefit],
            takes="",
            why=words.why_skipped(why=skip.why, currency=definition.currency, names=names),
            is_this=skip.benefit.benefit == definition.reference,
        )
        for skip in tried.best.quote.skipped
    ]
    return sorted(found, key=lambda row: not row.is_this)


def _stores(definition: Definition) -> Any:
    rows = Store.objects.filter(closed_at=None, merchant__currency=definition.currency)
    if definition.merchants:
        rows = rows.filter(merchant__reference__in=definition.merchants)
    if definition.stores:
        rows = rows.filter(reference__in=definition.stores)
    first = rows.order_by("merchant__name", "name").values("pk")[:STORES_MAX]
    return Store.objects.filter(pk__in=first).select_related("merchant").order_by("pk")


def _named(store: Any) -> str:
    return f"{store.merchant.name}, {store.name}"


def _card(reference: str) -> Card | None:
    if not reference:
        return None
    row = Programme.objects.select_related("issuer").get(reference=reference)
    return Card(issuer=row.issuer.reference, programme=row.reference)
