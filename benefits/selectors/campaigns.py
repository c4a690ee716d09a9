"""Campaigns: whose a definition is, who pays for it, and what of it is used."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum

from benefits.models import BudgetSlot, CostShare, Definition, Holding, Sponsor
from benefits.rules.vocabulary import Kind
from benefits.selectors.redemptions import Budget
from config.people.access import tenants_with
from config.refusals import NotFound
from config.roles import Right
from issuers.models import Issuer, Programme
from merchants.models import Merchant, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who pays for campaigns: ``reference`` is the merchant's, the issuer's or the brand's.

    ``currency`` is "" where it may be any.
    """

    kind: Sponsor.Kind
    reference: str
    name: str
    currency: str
    time_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How many customers hold a benefit, and how often it was used and is at a till now."""

    holdings: int
    used: int
    at_till: int


def owner_for(
    *, user: AbstractBaseUser | AnonymousUser, reference: str, right: Right, time_zone: str
) -> Owner:
    """Return the sponsor at which ``user`` has ``right``; ``time_zone``: of a brand's days.

    :raises NotFound: there is none, or it is another's
    """
    tenants = tenants_with(user=user, right=right)
    if not tenants.everything and reference not in tenants.references:
        raise NotFound
    if merchant := Merchant.objects.filter(reference=reference).first():
        return Owner(
            kind=Sponsor.Kind.MERCHANT,
            reference=reference,
            name=merchant.name,
            currency=merchant.currency,
            time_zone=merchant.time_zone,
        )
    if issuer := Issuer.objects.filter(reference=reference).first():
        return _owner(Sponsor.Kind.ISSUER, issuer, issuer.time_zone)
    brand = Sponsor.objects.filter(kind=Sponsor.Kind.BRAND, reference=reference).first()
    if brand is None:
        raise NotFound
    return _owner(Sponsor.Kind.BRAND, brand, time_zone)


def _owner(kind: Sponsor.Kind, row: Issuer | Sponsor, time_zone: str) -> Owner:
    return Owner(
        kind=kind, reference=row.reference, name=row.name, currency="", time_zone=time_zone
    )


def campaigns_of(*, owner: str) -> QuerySet[Definition]:
    """Return the definitions that the sponsor of ``owner`` bears a part of, each with ``leader``:
    whose it is to change, the one who bears most."""
    return (
        Definition.objects.filter(shares__sponsor__owner=owner)
        .exclude(kind=Kind.CASH_RECEIPT)
        .annotate(leader=_LEADER)
    )


def is_led_by(*, definition: Definition, owner: str) -> bool:
    """Return whether the sponsor of ``owner`` is the one who bears most."""
    ours = Definition.objects.annotate(leader=_LEADER).filter(leader=owner)
    return ours.filter(pk=definition.pk).exists()


def grantable(*, owner: str) -> QuerySet[Definition]:
    """Return the campaigns that are out and ``owner``'s to grant."""
    return (
        Definition.objects.annotate(leader=_LEADER)
        .filter(state=Definition.State.PUBLISHED, leader=owner)
        .exclude(kind=Kind.CASH_RECEIPT)
        .order_by("name", "pk")
    )


_LEADER: Final = Subquery(
    CostShare.objects.filter(definition=OuterRef("pk"))
    .order_by("-bps", "pk")
    .values("sponsor__owner")[:1]
)


def payers_of(*, definitions: Iterable[Definition]) -> dict[int, list[tuple[str, int]]]:
    """Return who bears what of each definition, by name and bps, the one who bears most first."""
    found: dict[int, list[tuple[str, int]]] = {}
    shares = CostShare.objects.filter(definition__in=[each.pk for each in definitions])
    for share in shares.select_related("sponsor").order_by("-bps", "pk"):
        found.setdefault(share.definition_id, []).append((share.sponsor.name, share.bps))
    return found


def budgets_of(*, definitions: Sequence[Definition]) -> dict[int, Budget]:
    """Return what of each definition's budget and uses is taken; one query for all."""
    rows = (
        BudgetSlot.objects.filter(definition__in=[each.pk for each in definitions])
        .values("definition")
        .annotate(minor=Sum("taken_minor"), uses=Sum("taken_uses"))
        .order_by()
    )
    taken = {row["definition"]: (row["minor"], row["uses"]) for row in rows}
    return {
        each.pk: Budget(
            size_minor=each.budget_minor,
            taken_minor=taken.get(each.pk, (0, 0))[0],
            size_uses=each.uses_in_all,
            taken_uses=taken.get(each.pk, (0, 0))[1],
        )
        for each in definitions
    }


def fullest_of(*, owner: str, least_bps: int, limit: int) -> list[tuple[Definition, int]]:
    """Return the campaigns that are out and have used ``least_bps`` of their budget, and how much,
    in hundredths of a percent; the fullest first."""
    rows = (
        campaigns_of(owner=owner)
        .filter(state=Definition.State.PUBLISHED, budget_minor__isnull=False)
        .annotate(used=Sum("slots__taken_minor") * 10_000 / F("budget_minor"))
        .filter(used__gte=least_bps)
        .order_by("-used", "pk")[:limit]
    )
    return [(row, int(row.used)) for row in rows]


def held_of(*, definition: Definition) -> Held:
    """Return how many hold it and how often it was used."""
    sums = Holding.objects.filter(definition=definition).aggregate(
        holdings=Count("pk"), used=Sum("used"), at_till=Sum("uses_held")
    )
    return Held(holdings=sums["holdings"], used=sums["used"] or 0, at_till=sums["at_till"] or 0)


def fingerprint(*, definition: Definition) -> str:
    """Return what stands for the terms of a definition and its shares: other terms, another one."""
    skipped = {"id", "state", "created_at", "published_at", "ended_at"}
    terms = [
        (field.attname, str(getattr(definition, field.attname)))
        for field in Definition._meta.concrete_fields  # noqa: SLF001  (Django's documented API)
        if field.attname not in skipped
    ]
    shares = definition.shares.order_by("sponsor").values_list("sponsor", "bps")
    return sha256(repr((terms, list(shares))).encode()).hexdigest()[:32]


def names_in(*, definition: Definition) -> Mapping[str, str]:
    """Return what all that the terms refer to is called, by reference."""
    told: dict[str, str] = {}
    sources = (
        (Merchant.objects, definition.merchants),
        (Store.objects, definition.stores),
        (Issuer.objects, definition.issuers),
        (Programme.objects, definition.programmes),
        (Definition.objects, definition.excluded_definitions),
    )
    for rows, references in sources:
        if references:
            told |= dict(rows.filter(reference__in=references).values_list("reference", "name"))
    return told


def sponsors_seen() -> QuerySet[Sponsor]:
    """Return all sponsors, each with the number of its campaigns that are out."""
    out = Q(shares__definition__state=Definition.State.PUBLISHED)
    return Sponsor.objects.annotate(out=Count("shares__definition", filter=out, distinct=True))
