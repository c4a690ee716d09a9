"""What customers hold, as the rules of benefits see it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q, QuerySet, Sum

from benefits.models import BudgetSlot, CostShare, Definition, Holding, Lot
from benefits.rules.vocabulary import BALANCES, Benefit, Exclusions, Kind, Scope
from config.models import Device
from config.refusals import NotFound
from merchants.models import Merchant
from wallets.models import Customer, Phone


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A holding as it is, and as the rules see it; ``lots``: its points, as they are spent."""

    holding: Holding
    benefit: Benefit
    lots: Sequence[Lot] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a customer could use, and who pays for it, the one who bears most first."""

    held: Held
    sponsors: Sequence[str]


def offered_to(*, device: Device, merchant: str | None, at: datetime) -> list[Offer]:
    """Return what the customer of phone ``device`` could use, at the merchant named if one is.

    :raises NotFound: there is no such merchant
    """
    customer = Phone.objects.select_related("customer").get(device=device).customer
    place = None
    if merchant is not None:
        place = Merchant.objects.filter(reference=merchant).first()
        if place is None:
            raise NotFound
    held = available_to(customer=customer, at=at, merchant=place)
    payers: dict[int, list[str]] = {}
    shares = CostShare.objects.filter(definition__in={each.holding.definition_id for each in held})
    for share in shares.select_related("sponsor").order_by("-bps", "pk"):
        payers.setdefault(share.definition_id, []).append(share.sponsor.name)
    return [Offer(held=each, sponsors=payers[each.holding.definition_id]) for each in held]


def available_to(
    *, customer: Customer, at: datetime, merchant: Merchant | None = None
) -> list[Held]:
    """Return all that ``customer`` could use at ``at``, at ``merchant`` if one is given, by turn.

    Four queries. What has not begun, is over, used up or sold out is left out.
    """
    mine = usable(at=at).filter(customer=customer)
    if merchant is not None:
        here = Q(definition__merchants=[]) | Q(definition__merchants__contains=[merchant.reference])
        mine = mine.filter(here)
    return [held for held in of(holdings=mine.order_by("pk"), at=at) if _is_there(held.benefit)]


def usable(*, at: datetime) -> QuerySet[Holding]:
    """Return the holdings that are active at ``at`` and whose definition is out."""
    return Holding.objects.filter(
        Q(starts_at=None) | Q(starts_at__lte=at),
        Q(ends_at=None) | Q(ends_at__gt=at),
        Q(definition__starts_at=None) | Q(definition__starts_at__lte=at),
        state=Holding.State.ACTIVE,
        definition__state=Definition.State.PUBLISHED,
    ).select_related("definition")


def of(*, holdings: Iterable[Holding], at: datetime) -> list[Held]:
    """Return ``holdings``, which bring their definitions, as the rules see them; three queries."""
    rows = list(holdings)
    lots = lots_of(holdings=rows, at=at)
    left = left_in_all(definitions=[row.definition for row in rows])
    return [
        seen(holding=row, lots=lots.get(row.pk, ()), left=left.get(row.definition_id))
        for row in rows
    ]


def seen(*, holding: Holding, lots: Sequence[Lot], left: int | None) -> Held:
    """Return a holding, which brings its definition, as the rules see it.

    ``lots``: of points, those of :func:`lots_of`; ``left``: as :func:`left_in_all` has it.
    """
    return Held(holding=holding, benefit=_benefit(holding, lots, left), lots=lots)


def lots_of(*, holdings: Iterable[Holding], at: datetime) -> dict[int, list[Lot]]:
    """Return the lots with points left at ``at``, by holding, in the order they are spent."""
    points = [row.pk for row in holdings if row.kind == Kind.POINTS]
    if not points:
        return {}
    found: dict[int, list[Lot]] = defaultdict(list)
    rows = Lot.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=at), holding__in=points, left_minor__gt=0
    ).order_by(F("expires_at").asc(nulls_last=True), "pk")
    for lot in rows:
        found[lot.holding_id].append(lot)
    return found


def left_in_all(*, definitions: Iterable[Definition]) -> dict[int, int]:
    """Return how many uses are left to all customers; 0 where the budget is spent, none without."""
    bounded = {
        each.pk
        for each in definitions
        if each.budget_minor is not None or each.uses_in_all is not None
    }
    if not bounded:
        return {}
    rows = (
        BudgetSlot.objects.filter(definition__in=bounded)
        .values("definition")
        .annotate(
            minor=Sum(F("size_minor") - F("taken_minor")),
            uses=Sum(F("size_uses") - F("taken_uses")),
        )
        .order_by()
    )
    return {row["definition"]: uses_of(minor=row["minor"], uses=row["uses"]) for row in rows}


def uses_of(*, minor: int | None, uses: int | None) -> int:
    """Return the uses that what is free of all slots leaves, None for no limit.

    As many as anybody may ask for where only the money is bounded.
    """
    if minor is not None and minor < 1:
        return 0
    return 2**31 - 1 if uses is None else int(uses)


def _benefit(holding: Holding, lots: Sequence[Lot], left: int | None) -> Benefit:
    what = holding.definition
    kind = Kind(what.kind)
    balance = _balance(holding, lots)
    out = what.state == Definition.State.PUBLISHED and holding.state == Holding.State.ACTIVE
    # The budget of a balance was taken when it was granted.
    left = None if balance is not None else left
    return Benefit(
        benefit=holding.reference,
        definition=what.reference,
        kind=kind,
        currency=what.currency,
        percent_bps=what.percent_bps,
        amount_minor=what.amount_minor if balance is None else balance,
        scope=Scope(
            merchants=frozenset(what.merchants),
            stores=frozenset(what.stores),
            skus=frozenset(what.skus),
        ),
        starts_at=_latest(holding.starts_at, what.starts_at),
        ends_at=lots[0].expires_at if lots else holding.ends_at,
        min_purchase_minor=what.min_purchase_minor,
        cap_minor=what.cap_minor,
        units_most=what.units_most,
        min_spend_minor=what.min_spend_minor,
        step_minor=what.step_minor,
        stack_group=what.stack_group,
        excludes=Exclusions(
            definitions=frozenset(what.excluded_definitions),
            groups=frozenset(what.excluded_groups),
            kinds=frozenset(Kind(each) for each in what.excluded_kinds),
        ),
        priority=what.priority,
        uses_left=holding.uses_left if out else 0,
        left_in_all=left,
        issuers=frozenset(what.issuers),
        programmes=frozenset(what.programmes),
    )


def _balance(holding: Holding, lots: Sequence[Lot]) -> int | None:
    if holding.balance_minor is None:
        return None
    if holding.kind == Kind.POINTS:
        return sum(lot.left_minor for lot in lots)
    return holding.available_minor


def _latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def _is_there(benefit: Benefit) -> bool:
    if benefit.uses_left < 1 or benefit.left_in_all == 0:
        return False
    return benefit.kind not in BALANCES or bool(benefit.amount_minor)
