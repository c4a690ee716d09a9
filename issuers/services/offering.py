"""Commands are offered to a phone once more, because somebody at the desk asks for it."""

from datetime import datetime

from django.db import transaction

from config import audit
from config.audit import Actor
from config.models import Device
from config.refusals import Refused
from issuers.models import Issuer, OtaCommand

_State = OtaCommand.State


class NothingToOffer(Refused):
    code = "nothing_to_offer"
    status = 409
    title = "This phone has applied all its commands"


@transaction.atomic
def offer_again(*, device: Device, issuer: Issuer, at: datetime, actor: Actor) -> int:
    """Make each command of the issuer's cards that ``device`` has not applied due now.

    Return how many there are. One given up stays UNDELIVERED until the phone asks for it; the hint
    that makes it ask is the caller's to send once this is committed.

    :raises NothingToOffer: the phone has applied them all
    """
    unheard = OtaCommand.objects.filter(device=device, card__issuer=issuer).exclude(
        state=_State.APPLIED
    )
    count = unheard.count()
    if not count:
        raise NothingToOffer
    due = unheard.filter(state__in=[_State.PENDING, _State.SENT])
    due.update(next_attempt_at=at, attempts=0)
    audit.record(
        actor=actor,
        action="command.offer_again",
        subject_kind="device",
        subject=device.reference,
        tenant=issuer.reference,
        at=at,
        after={"commands": count},
    )
    return count
