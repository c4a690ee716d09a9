"""What workers do for benefits: end what time ended. Every reader knows the time by itself."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from benefits.services import holdings, lookups, plans


@shared_task(name="benefits.tasks.end_due")
def end_due(**_kwargs: Any) -> None:
    """End numbers, coupons and points whose time is over; watch and forget wrong
    numbers."""
    at = timezone.now()
    lookups.watch(at=at)
    for end in (plans.expire_due, holdings.expire_due, lookups.forget_wrong):
        while end(at=at, limit=_BATCH) >= _BATCH:
            pass


_BATCH = 500
