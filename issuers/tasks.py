"""What workers do for issuers. Each task drains rows of the database: a lost hint loses nothing."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from asgiref.sync import async_to_sync
from celery import shared_task
from channels.layers import get_channel_layer
from django.utils import timezone

from config import jobs
from issuers.services import (
    blacklist,
    commands,
    credentials,
    imports,
    renewals,
    unblocking,
)

_FILE_JOBS: Final[Mapping[str, jobs.Step]] = {
    imports.KIND: imports.run_chunk,
    unblocking.KIND: unblocking.run_chunk,
}
_IMPORT_RUN: Final = timedelta(
    seconds=20
)  # well within the time limit of a task; the next run goes on


@shared_task(name="issuers.tasks.publish_waiting")
def publish_waiting(**_kwargs: Any) -> None:
    """Publish what waits at each issuer, and build the files readers will ask for."""
    at = timezone.now()
    for issuer in blacklist.issuers_waiting(at=at):
        blacklist.publish(issuer=issuer, at=at)
    for issuer in blacklist.issuers_unprepared():
        blacklist.prepare(issuer=issuer, at=at)


@shared_task(name="issuers.tasks.push_due")
def push_due(**_kwargs: Any) -> None:
    """Hint each phone with commands that are due; its socket then reads them from the database."""
    phones = commands.push_due(at=timezone.now())
    if phones:
        async_to_sync(_hint)(phones)


async def _hint(phones: list[str]) -> None:
    layer = get_channel_layer()
    for phone in phones:
        await layer.group_send(f"device.{phone}", {"type": "commands.waiting"})


@shared_task(name="issuers.tasks.release_reserves")
def release_reserves(**_kwargs: Any) -> None:
    """Give back the reserves of certificates that ended 8 days ago."""
    credentials.release_expired(at=timezone.now())


@shared_task(name="issuers.tasks.renew_due")
def renew_due(**_kwargs: Any) -> None:
    """Renew the certificates that end soon, on phones that were heard of lately."""
    renewals.renew_due(at=timezone.now())


@shared_task(name="issuers.tasks.run_imports")
def run_imports(**_kwargs: Any) -> None:
    """Go on with unfinished files of cards for a bounded time; what is left waits for the next."""
    jobs.run_in_turn(steps=_FILE_JOBS, clock=timezone.now, until=timezone.now() + _IMPORT_RUN)
