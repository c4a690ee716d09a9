"""What workers do for wallets."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from wallets.services import authentications, phones

BATCH = 1000


@shared_task(name="wallets.tasks.forget_authentications")
def forget_authentications(**_kwargs: Any) -> None:
    """Delete challenges, authentications and socket tickets that ended, in batches."""
    for forget in (authentications.forget_ended, phones.forget_tickets):
        while forget(at=timezone.now(), limit=BATCH) >= BATCH:
            pass
