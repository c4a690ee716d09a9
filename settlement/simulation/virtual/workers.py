"""What the portal's workers do when they get a turn; the schedule of Celery beat, without it."""

from datetime import datetime
from typing import Final

from config import events
from issuers.services import blacklist, commands, credentials, renewals
from settlement.models import Batch
from settlement.services import batches

_BATCHES_AT_ONCE: Final = 50


def take_turns(*, at: datetime) -> None:
    """Post what waits and number events."""
    batches.post_waiting(limit=_BATCHES_AT_ONCE, at=at)
    number()


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
    while events.number():
        pass


def are_idle() -> bool:
    """Return whether no batch waits to be posted."""
    return not Batch.objects.filter(state=Batch.State.RECEIVED).exists()
