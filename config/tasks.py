"""The floor's own tasks: beating, and forgetting what nobody will ask for again."""

from typing import Final

from celery import shared_task
from django.utils import timezone

from config import devices, enrolment, health, idempotency

BATCH: Final = 5000


@shared_task
def beat_worker(**_newer: object) -> None:
    """Beat for the worker that runs this and for the beat that sent it (it expires in 10 s)."""
    at = timezone.now()
    health.beat(part="worker", at=at)
    health.beat(part="beat", at=at)


@shared_task
def forget_expired(**_newer: object) -> None:
    """Delete spent nonces, old enrolment failures and answers older than 30 days, in batches."""
    at = timezone.now()
    for forget in (devices.forget_nonces, enrolment.forget_failures, idempotency.forget_older):
        while forget(at=at, limit=BATCH) == BATCH:
            pass
