"""Offline limits of many programmes at a moment."""

from collections.abc import Sequence
from datetime import datetime

from issuers.models import OfflineProfileVersion, Programme


def in_force_of(
    *, programmes: Sequence[Programme], at: datetime
) -> dict[int, OfflineProfileVersion]:
    """Return by programme (key) the limits in force at ``at``, in one query; none where none are.

    The rule is that of ``issuers.services.profiles.in_force``: the newest that took effect by then.
    """
    rows = OfflineProfileVersion.objects.filter(programme__in=programmes, effective_from__lte=at)
    newest = rows.order_by("programme_id", "-effective_from", "-version").distinct("programme_id")
    return {profile.programme_id: profile for profile in newest}
