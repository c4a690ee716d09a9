"""Plans that time ends; one at a till is left, for its time stands still until that is over."""

from datetime import datetime
from typing import Final

from django.db import transaction

from benefits.models import Plan

LIMIT: Final = 500


@transaction.atomic
def expire_due(*, at: datetime, limit: int = LIMIT) -> int:
    """End up to ``limit`` plans whose number's life is over; return how many."""
    due = Plan.objects.filter(state=Plan.State.ISSUED, expires_at__lte=at).order_by("expires_at")
    locked = due.select_for_update(no_key=True, skip_locked=True)
    ids = list(locked.values_list("pk", flat=True)[:limit])
    return Plan.objects.filter(pk__in=ids, state=Plan.State.ISSUED).update(
        state=Plan.State.EXPIRED, ended_at=at
    )
