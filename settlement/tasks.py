"""What workers do for settlement. The batches in the database are the queue; tasks only wake."""

import logging
from datetime import timedelta
from typing import Any, Final

from celery import Task
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from config.celery import app
from settlement.services import (
    batches,
    checkouts,
    closing_jobs,
    days,
    earnings,
    payments,
    payouts,
    preapprovals,
    redemptions,
    silence,
    stuck,
)

BATCHES_AT_ONCE: Final = 20  # of at most 1,000 records each
ENDED_AT_ONCE: Final = 200
ROLLED_AT_ONCE: Final = 10_000
_POSTED_FOR: Final = timedelta(seconds=5)  # then other tasks have their turn
_CLOSED_FOR: Final = timedelta(seconds=20)

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
    """End requests, claims, checkouts and pre-approvals whose time is up, and put redemptions of
    silent machines into suspense; a read of a request or checkout ends it too."""
    for end in (
        payments.end_due,
        checkouts.end_due,
        preapprovals.expire_due,
        redemptions.suspend_overdue,
    ):
        while end(at=timezone.now(), limit=ENDED_AT_ONCE) == ENDED_AT_ONCE:
            pass


@app.task(name="settlement.tasks.end_overdue")
def end_overdue(**_newer: Any) -> None:
    """Decline what an issuer's own system has not answered in time, where no asker is left to."""
    while payments.end_overdue(at=timezone.now(), limit=ENDED_AT_ONCE) == ENDED_AT_ONCE:
        pass


@app.task(name="settlement.tasks.close_days")
def close_days(**_newer: Any) -> None:
    """Go on with the business days that are being closed for a bounded time."""
    until = timezone.now() + _CLOSED_FOR
    while closing_jobs.go_on(at=timezone.now(), limit=ENDED_AT_ONCE) and timezone.now() < until:
        pass


@app.task(name="settlement.tasks.roll_up_days")
def roll_up_days(**_newer: Any) -> None:
    """Add what online payments changed to their merchants' days."""
    while days.roll_up(limit=ROLLED_AT_ONCE) == ROLLED_AT_ONCE:
        pass


@app.task(name="settlement.tasks.give_earnings")
def give_earnings(**_newer: Any) -> None:
    """Give what payments earned: points and stamps."""
    while earnings.give_due(at=timezone.now(), limit=ENDED_AT_ONCE) == ENDED_AT_ONCE:
        pass


@app.task(name="settlement.tasks.try_stuck_again")
def try_stuck_again(**_newer: Any) -> None:
    """Try again what could not be ended."""
    stuck.try_again(at=timezone.now(), limit=ENDED_AT_ONCE)


@app.task(name="settlement.tasks.watch_readers")
def watch_readers(**_newer: Any) -> None:
    """Tell of readers that fell silent."""
    silence.look(at=timezone.now())


def hint() -> None:
    """Wake a worker when the running transaction commits. A lost hint only waits for the beat."""
    transaction.on_commit(_wake)


def hint_closing() -> None:
    """Wake a worker for a day to close when the running transaction commits."""
    transaction.on_commit(lambda: _wake(close_days))


def _wake(task: Task[..., None] = post_waiting) -> None:
    try:
        task.apply_async(retry=False)
    except OperationalError as lost:
        logger.warning("no worker was woken: %s", type(lost).__name__)
