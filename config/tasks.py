"""The floor's own tasks: beating, and forgetting what nobody will ask for again."""

from typing import Final

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from config import devices, enrolment, health, idempotency
from config.people import links

BATCH: Final = 5000


@shared_task
def beat_worker(**_newer: object) -> None:
    """Beat for the worker that runs this and for the beat that sent it (it expires in 10 s)."""
    at = timezone.now()
    health.beat(part="worker", at=at)
    health.beat(part="beat", at=at)


@shared_task
def forget_expired(**_newer: object) -> None:
    """Delete spent nonces, old enrolment failures, answers, links and sessions, in batches."""
    at = timezone.now()
    for forget in (
        devices.forget_nonces,
        enrolment.forget_failures,
        idempotency.forget_older,
        links.forget_old,
    ):
        while forget(at=at, limit=BATCH) == BATCH:
            pass
    Session.objects.filter(expire_date__lte=at).delete()
