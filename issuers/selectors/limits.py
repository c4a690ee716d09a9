"""Offline limits of many programmes at a moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from issuers.models import Issuer, OfflineProfileVersion, Programme


def in_force_of(
    *, programmes: Sequence[Programme], at: datetime
) -> dict[int, OfflineProfileVersion]:
    """Return by programme (key) the limits in force at ``at``, in one query; none where none are.

    The rule is that of ``issuers.services.profiles.in_force``: the newest that took effect by then.
    """
    rows = OfflineProfileVersion.objects.filter(programme__in=programmes, effective_from__lte=at)
    newest = rows.order_by("programme_id", "-effective_from", "-version").distinct("programme_id")
    return {profile.programme_id: profile for profile in newest}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """What one copied card could take before readers hear of its block, in minor units.

    Every reader counts by itself, up to the cumulative cap ``cap_minor``; ``readers`` do not hold
    the newest list. One that never hears stops at the certificate's contact-by time.
    """

    currency: str
    readers: int
    cap_minor: int

    @property
    def total_minor(self) -> int:
        """Return the bound: each of those readers once up to the cap."""
        return self.readers * self.cap_minor


def worst_cases_of(*, issuer: Issuer, readers: int, at: datetime) -> list[WorstCase]:
    """Return the bound by currency, from the limits in force at ``at``; one query.

    ``readers``: how many do not hold the newest list.
    """
    largest: dict[str, int] = {}
    rows = OfflineProfileVersion.objects.filter(programme__issuer=issuer, effective_from__lte=at)
    newest = rows.order_by("programme_id", "-effective_from", "-version").distinct("programme_id")
    for currency, cap_minor in newest.values_list("programme__currency", "cumulative_cap_minor"):
        largest[currency] = max(largest.get(currency, 0), cap_minor)
    return [
        WorstCase(currency=currency, readers=readers, cap_minor=cap_minor)
        for currency, cap_minor in sorted(largest.items())
    ]
