"""The floor's own tasks: beating, and forgetting what nobody will ask for again."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Final

from celery import shared_task
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import OperationalError as DatabaseBusy
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from config import (
    audit,
    devices,
    enrolment,
    exported,
    health,
    idempotency,
    jobs,
    partitions,
    retention,
)
from config.people import links, resets, tries
from config.portal import writing

BATCH: Final = 5000
RESETS_AT_ONCE: Final = 100
WRITTEN_FOR: Final = timedelta(
    seconds=20
)  # well within the time limit of a task; the next run goes on

logger = logging.getLogger(__name__)


@shared_task
def beat_worker(**_newer: object) -> None:
    """Beat for the worker that runs this and for the beat that sent it (it expires in 10 s)."""
    at = timezone.now()
    health.beat(part="worker", at=at)
    health.beat(part="beat", at=at)


@shared_task
def forget_expired(**_newer: object) -> None:
    """Delete what nobody asks for again: nonces, failures, answers, links, sessions; in batches."""
    at = timezone.now()
    for forget in (
        devices.forget_nonces,
        enrolment.forget_failures,
        idempotency.forget_older,
        links.forget_old,
        tries.forget_old,
        exported.forget_old,
    ):
        while forget(at=at, limit=BATCH) == BATCH:
            pass
    Session.objects.filter(expire_date__lte=at).delete()


@shared_task
def write_files(**_newer: object) -> None:
    """Go on with the long lists that are being written, each in turn, for a bounded time."""
    steps = {exported.KIND: writing.write_part}
    jobs.run_in_turn(steps=steps, clock=timezone.now, until=timezone.now() + WRITTEN_FOR)


@shared_task
def make_months(**_newer: object) -> None:
    """Have the next months' partitions ready; tell when rows lie in none."""
    try:
        partitions.make_ahead(at=timezone.now())
    except DatabaseBusy as busy:  # three months ahead, there is time for another try
        logger.warning("no month was made: %s", busy)
    for table in partitions.tables():
        if rows := partitions.strays(table=table):
            logger.warning("%s rows of %s lie in no month", rows, table)


# Reading, and archiving, what is about to go takes as long as it takes; others go on meanwhile.
@shared_task(soft_time_limit=3500, time_limit=3600)
def retire_months(**_newer: object) -> None:
    """Drop the months that are older than they are kept and that nothing needs."""
    archive = Path(settings.ARCHIVE_DIR) if settings.ARCHIVE_DIR else None
    for verdict in retention.retire(at=timezone.now(), actor=audit.SYSTEM, archive=archive):
        logger.info("%s %s: %s", verdict.table, verdict.month, verdict.kept or "dropped")


@shared_task
def mail_resets(**_newer: object) -> None:
    """Mail the links to choose a new password that were asked for."""
    resets.send_asked(at=timezone.now(), limit=RESETS_AT_ONCE)


def wake_resets() -> None:
    """Hint, on commit, that one was asked for; a lost hint only waits for the beat."""
    transaction.on_commit(_wake_resets)


def _wake_resets() -> None:
    try:
        mail_resets.apply_async(retry=False, expires=60)
    except OperationalError as lost:
        logger.warning("no worker was woken: %s", type(lost).__name__)
