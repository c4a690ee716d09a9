"""What a form of benefits offers to choose from, by the sponsor whose page it is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet

from benefits.models import Definition, Sponsor
from benefits.selectors import campaigns
from benefits.selectors.campaigns import Owner
from issuers.models import Programme
from merchants.models import Merchant, Store

SHOWN_MAX: Final = 100
CHOSEN_FROM: Final = ("merchants", "stores", "programmes", "excluded_definitions", "partner")


class Offered(NamedTuple):
    """References and names to choose from; ``searched``: there are more than are shown."""

    options: list[tuple[str, str]]
    searched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was chosen so far and what is looked for, by field: it is offered whatever its place."""

    chosen: Mapping[str, Collection[str]] = field(default_factory=dict)
    find: Mapping[str, str] = field(default_factory=dict)


NOTHING: Final = Offered([])


def choices_for(
    *, owner: Owner, asked: Asked, beside: Definition | None = None, may_share: bool = False
) -> dict[str, Offered]:
    """Return what ``owner`` chooses from, by field; ``may_share``: another sponsor bears a part.

    A merchant's campaigns count at the merchant alone, an issuer's discount for its own cards.
    """
    merchant = owner.kind == Sponsor.Kind.MERCHANT
    cards = Programme.objects.order_by("issuer__name", "name")
    if owner.kind == Sponsor.Kind.ISSUER:
        cards = cards.filter(issuer__reference=owner.reference)
    others = campaigns.campaigns_of(owner=owner.reference).exclude(state=Definition.State.ENDED)
    if beside is not None:
        others = others.exclude(pk=beside.pk)
    stores = Store.objects.filter(merchant__reference=owner.reference, closed_at=None)
    rows: dict[str, QuerySet[Any]] = {
        "programmes": cards,
        "excluded_definitions": others.order_by("name", "pk"),
    }
    if merchant:
        rows["stores"] = stores.order_by("name", "pk")
    else:
        rows["merchants"] = Merchant.objects.order_by("name", "pk")
    if may_share:
        partners = Sponsor.objects.exclude(owner=owner.reference)
        rows["partner"] = partners.order_by("name", "pk")
    return dict.fromkeys(CHOSEN_FROM, NOTHING) | {
        name: _offered(each, asked.chosen.get(name, ()), asked.find.get(name, ""))
        for name, each in rows.items()
    }


def _offered(rows: QuerySet[Any], chosen: Collection[str], find: str) -> Offered:
    """Return what is chosen, then the first of what is looked for; two queries."""
    looked_for = rows.filter(name__icontains=find) if find else rows
    found = list(looked_for.values_list("reference", "name")[: SHOWN_MAX + 1])
    picked = list(rows.filter(reference__in=chosen).values_list("reference", "name"))
    shown = dict(picked) | dict(found[:SHOWN_MAX])
    return Offered(list(shown.items()), searched=bool(find) or len(found) > SHOWN_MAX)
