"""What workers do for settlement. The batches in the database are the queue; tasks only wake."""

import logging
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from config.celery import app
from settlement.services import batches

BATCHES_AT_ONCE: Final = 20  # of at most 1,000 records each

logger = logging.getLogger(__name__)


# Bound to our application: a thread of the web server has no current one to find it by.
@app.task(name="settlement.tasks.post_waiting")
def post_waiting(**_newer: Any) -> None:
    """Post batches that wait; come again at once while there may be more."""
    if batches.post_waiting(limit=BATCHES_AT_ONCE, at=timezone.now()):
        _wake()


def hint() -> None:
    """Wake a worker when the running transaction commits. A lost hint only waits for the beat."""
    transaction.on_commit(_wake)


def _wake() -> None:
    try:
        post_waiting.apply_async(retry=False)
    except OperationalError as lost:
        logger.warning("no worker was woken: %s", type(lost).__name__)
