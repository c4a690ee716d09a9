"""What phones ask and hear of benefits (protocol §6)."""

from typing import Any, Final

from rest_framework import serializers

from benefits.rules.vocabulary import Benefit
from benefits.selectors.held import Offer
from benefits.services.plans.making import Made, Picked
from config.api.serializers import Amount, CardToken, Currency, StrictSerializer, Text

SELECTIONS_MAX: Final = 60

# How conditions are called on the wire; what is no condition is left out.
_PLAIN: Final = {
    "percent_bps": "percent_bps",
    "amount": "amount_minor",
    "min_purchase": "min_purchase_minor",
    "cap": "cap_minor",
    "units_most": "units_most",
    "min_spend": "min_spend_minor",
    "stack_group": "stack_group",
    "starts_at": "starts_at",
}
_SETS: Final = {
    "merchants": "scope.merchants",
    "stores": "scope.stores",
    "skus": "scope.skus",
    "issuers": "issuers",
    "programmes": "programmes",
    "excluded_kinds": "excludes.kinds",
    "excluded_groups": "excludes.groups",
    "excluded_definitions": "excludes.definitions",
}


class BenefitsQuery(StrictSerializer):
    merchant = Text(required=False)


class BenefitAnswer(serializers.Serializer[Offer]):
    """One benefit; amounts in minor units of ``currency``.

    ``source``: the name of its definition. ``available``: the most it can take, null where only the
    purchase says. ``ends_at``: of points, when the next of them expire; null for never.
    """

    benefit = Text(source="held.benefit.benefit")
    kind = Text(source="held.benefit.kind")
    source = serializers.SerializerMethodField()  # type: ignore[assignment]  # its wire name
    sponsor = serializers.SerializerMethodField()
    ends_at = serializers.DateTimeField(source="held.benefit.ends_at", allow_null=True)
    conditions = serializers.SerializerMethodField()
    available = serializers.IntegerField(source="held.benefit.most_minor", allow_null=True)
    currency = Currency(source="held.benefit.currency")

    def get_source(self, offer: Offer) -> str:
        return offer.held.holding.definition.name

    def get_sponsor(self, offer: Offer) -> str:
        return offer.sponsors[0]

    def get_conditions(self, offer: Offer) -> dict[str, Any]:
        return conditions_of(offer.held.benefit)


class BenefitsAnswer(serializers.Serializer[Any]):
    benefits = BenefitAnswer(many=True)


class SelectionBody(StrictSerializer):
    """A benefit to use; without an amount, its most."""

    benefit = Text()
    amount = Amount(required=False)


class BestForBody(StrictSerializer):
    """The purchase to find the best combination for."""

    merchant = Text()
    amount = Amount()
    currency = Currency()


class PlanBody(StrictSerializer):
    """What to use at the next till; with ``best_for`` the portal picks, among the selections if
    there are any, else among all."""

    selections = serializers.ListField(
        child=SelectionBody(), required=False, default=list, max_length=SELECTIONS_MAX
    )
    card = CardToken(required=False)
    max_amount = Amount(required=False)
    merchant = Text(required=False)
    best_for = BestForBody(required=False)


class SelectionAnswer(serializers.Serializer[Picked]):
    """A benefit of the plan and the most to use of it, null where only the purchase says."""

    benefit = Text(source="held.benefit.benefit")
    kind = Text(source="held.benefit.kind")
    amount = serializers.IntegerField(source="amount_minor", allow_null=True)
    currency = Currency(source="held.benefit.currency")


class PlanAnswer(serializers.Serializer[Made]):
    """A plan with its number, told once. ``code``: what a till scans, without a payment number."""

    plan = Text(source="plan.reference")
    tsn = Text()
    code = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField(source="plan.expires_at")
    psn_expires_at = serializers.DateTimeField(source="plan.psn_expires_at", allow_null=True)
    selections = SelectionAnswer(source="picked", many=True)
    savings = serializers.IntegerField(source="savings_minor")

    def get_code(self, made: Made) -> str:
        return f"S1.{made.tsn}"


def conditions_of(benefit: Benefit) -> dict[str, Any]:
    """Return what a benefit depends on, by the names of the wire."""
    plain = {name: getattr(benefit, source) for name, source in _PLAIN.items()}
    told = {name: value for name, value in plain.items() if value}
    if benefit.step_minor > 1:
        told["step"] = benefit.step_minor
    for name, source in _SETS.items():
        if values := sorted(_found(benefit, source)):
            told[name] = values
    return told


def _found(benefit: Benefit, source: str) -> frozenset[str]:
    found: Any = benefit
    for part in source.split("."):
        found = getattr(found, part)
    values: frozenset[str] = found
    return values
