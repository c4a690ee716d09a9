"""What the portal's workers do when they get a turn; the schedule of Celery beat, without it."""

from datetime import datetime
from typing import Final

from benefits.services import holdings, plans
from config import events
from issuers.services import blacklist, commands, credentials, renewals
from settlement.models import Batch
from settlement.services import (
    batches,
    checkouts,
    days,
    earnings,
    payments,
    preapprovals,
    redemptions,
)

_BATCHES_AT_ONCE: Final = 50
_REQUESTS_AT_ONCE: Final = 200


def take_turns(*, at: datetime) -> None:
    """Post what waits and number events."""
    batches.post_waiting(limit=_BATCHES_AT_ONCE, at=at)
    number()


def tidy(*, at: datetime) -> None:
    """End what time ends, park what machines are silent about, give what is earned, add days up."""
    payments.end_due(at=at, limit=_REQUESTS_AT_ONCE)
    checkouts.end_due(at=at, limit=_REQUESTS_AT_ONCE)
    plans.expire_due(at=at)
    holdings.expire_due(at=at)
    earnings.give_due(at=at, limit=_REQUESTS_AT_ONCE)
    preapprovals.expire_due(at=at, limit=_REQUESTS_AT_ONCE)
    redemptions.suspend_overdue(at=at, limit=_REQUESTS_AT_ONCE)
    days.roll_up()


def spread(*, at: datetime) -> None:
    """Publish the lists that changed and push the commands that are due."""
    for issuer in blacklist.issuers_waiting(at=at):
        blacklist.publish(issuer=issuer, at=at)
    for issuer in blacklist.issuers_unprepared():
        blacklist.prepare(issuer=issuer, at=at)
    commands.push_due(at=at)


def do_rounds(*, at: datetime) -> None:
    """Do what comes up once in hours: renew certificates, give back reserves."""
    renewals.renew_due(at=at)
    credentials.release_expired(at=at)


def number() -> None:
    """Number the events that wait."""
    while events.take_turn().more:
        pass


def are_idle() -> bool:
    """Return whether no batch waits to be posted."""
    return not Batch.objects.filter(state=Batch.State.RECEIVED).exists()
