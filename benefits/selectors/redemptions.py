"""What was redeemed: for receipts, sponsors, and whoever looks after what is still held."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, Sum

from benefits.models import Definition, Lock, Redemption, Sponsor
from benefits.rules.farming import looks_farmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Redemptions at one merchant, minor units of ``currency``; ``cash_bps``: the share that was
    confirmed as paid in cash, in hundredths of a percent, high where benefits are farmed."""

    merchant: str
    merchant_name: str
    currency: str
    redemptions: int
    taken_minor: int
    cash_bps: int

    @property
    def looks_farmed(self) -> bool:
        """Return whether so many of them in cash want a look."""
        return looks_farmed(redemptions=self.redemptions, cash_bps=self.cash_bps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What of a definition's budget is taken; None where there is no end of it."""

    size_minor: int | None
    taken_minor: int
    size_uses: int | None
    taken_uses: int


def lines_of(*, documents: Collection[str]) -> dict[str, list[Lock]]:
    """Return the lines of what was not released, by document and turn, with their definitions."""
    found: dict[str, list[Lock]] = {}
    lines = (
        Lock.objects.filter(redemption__document__in=documents)
        .exclude(state=Lock.State.RELEASED)
        .select_related("redemption", "holding__definition")
        .order_by("redemption", "turn")
    )
    for line in lines:
        found.setdefault(line.redemption.document, []).append(line)
    return found


def held_since(*, before: datetime, limit: int) -> list[str]:
    """Return documents whose benefits are held since before a time, oldest first: settlement asks
    what became of them, and commits or releases."""
    held = Redemption.objects.filter(state=Redemption.State.HELD, taken_at__lt=before)
    return list(held.order_by("taken_at").values_list("document", flat=True)[:limit])


def paces(*, sponsor: Sponsor, since: datetime, until: datetime | None = None) -> list[Pace]:
    """Return how often a sponsor's benefits were committed at each merchant since a time, and
    before another if one is given, the quickest first."""
    before = Q() if until is None else Q(taken_at__lt=until)
    rows = (
        Redemption.objects.filter(
            before,
            state=Redemption.State.COMMITTED,
            taken_at__gte=since,
            lines__holding__definition__shares__sponsor=sponsor,
        )
        .values("merchant__reference", "merchant__name", "currency")
        .annotate(
            redemptions=Count("pk", distinct=True),
            in_cash=Count("pk", distinct=True, filter=Q(tender="CASH")),
            taken=Sum("lines__amount_minor"),
        )
        .order_by("-redemptions", "merchant__reference")
    )
    return [
        Pace(
            merchant=row["merchant__reference"],
            merchant_name=row["merchant__name"],
            currency=row["currency"],
            redemptions=row["redemptions"],
            taken_minor=row["taken"],
            cash_bps=row["in_cash"] * 10_000 // row["redemptions"],
        )
        for row in rows
    ]


def budget_of(*, definition: Definition) -> Budget:
    """Return what of the definition's budget and of its uses in all is taken."""
    sums = definition.slots.aggregate(minor=Sum("taken_minor"), uses=Sum("taken_uses"))
    return Budget(
        size_minor=definition.budget_minor,
        taken_minor=sums["minor"] or 0,
        size_uses=definition.uses_in_all,
        taken_uses=sums["uses"] or 0,
    )
