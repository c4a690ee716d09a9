"""What workers do for settlement. The batches in the database are the queue; tasks only wake."""

import logging
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from config.celery import app
from settlement.services import batches, days, payments, payouts, silence

BATCHES_AT_ONCE: Final = 20  # of at most 1,000 records each
ENDED_AT_ONCE: Final = 200
ROLLED_AT_ONCE: Final = 10_000
_POSTED_FOR: Final = timedelta(seconds=5)  # then other tasks have their turn

logger = logging.getLogger(__name__)


# Bound to our application: a thread of the web server has no current one to find it by.
@app.task(name="settlement.tasks.post_waiting")
def post_waiting(**_newer: Any) -> None:
    """Post batches that wait; come again at once while there may be more."""
    until = timezone.now() + _POSTED_FOR
    if batches.post_all_waiting(limit=BATCHES_AT_ONCE, clock=timezone.now, until=until):
        _wake()


@app.task(name="settlement.tasks.draw_up_payouts")
def draw_up_payouts(**_newer: Any) -> None:
    """Draw up the payouts of business days that have ended; a run that was lost is made up for."""
    payouts.draw_up_due(at=timezone.now())


@app.task(name="settlement.tasks.end_due")
def end_due(**_newer: Any) -> None:
    """End requests and claims whose time is up; a read of one ends it too."""
    while payments.end_due(at=timezone.now(), limit=ENDED_AT_ONCE) == ENDED_AT_ONCE:
        pass


@app.task(name="settlement.tasks.roll_up_days")
def roll_up_days(**_newer: Any) -> None:
    """Add what online payments changed to their merchants' days."""
    while days.roll_up(limit=ROLLED_AT_ONCE) == ROLLED_AT_ONCE:
        pass


@app.task(name="settlement.tasks.watch_readers")
def watch_readers(**_newer: Any) -> None:
    """Tell of readers that fell silent."""
    silence.look(at=timezone.now())


def hint() -> None:
    """Wake a worker when the running transaction commits. A lost hint only waits for the beat."""
    transaction.on_commit(_wake)


def _wake() -> None:
    try:
        post_waiting.apply_async(retry=False)
    except OperationalError as lost:
        logger.warning("no worker was woken: %s", type(lost).__name__)
