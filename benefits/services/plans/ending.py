"""Plans that time ends; one at a till is left, for its time stands still until that is over."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from benefits.models import Plan
from config.looks import Look

LIMIT: Final = 500


def expire_due(*, at: datetime, limit: int = LIMIT) -> int:
    """End up to ``limit`` plans whose number's life is over; return how many."""
    return _expire(at, limit) if _DUE.finds_any(at=at) else 0


def _due(at: datetime) -> QuerySet[Plan]:
    return Plan.objects.filter(state=Plan.State.ISSUED, expires_at__lte=at).order_by("expires_at")


_DUE: Final = Look(_due)


@transaction.atomic
def _expire(at: datetime, limit: int) -> int:
    locked = _due(at).select_for_update(no_key=True, skip_locked=True)
    ids = list(locked.values_list("pk", flat=True)[:limit])
    return Plan.objects.filter(pk__in=ids, state=Plan.State.ISSUED).update(
        state=Plan.State.EXPIRED, ended_at=at
    )
