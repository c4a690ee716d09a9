"""Over-the-air commands as the phone sees them: pulled, applied, acknowledged (protocol §5.2)."""

from datetime import datetime

from django.db import transaction

from config.models import Device
from issuers.services import commands, counters
from issuers.services.commands import Outgoing
from wallets.models import ShadowCounter


def pull(*, device: Device, after: int, at: datetime) -> list[Outgoing]:
    """Return what waits for the phone above ``after``, the counter resets that are due included.

    Due are those of programmes that reset once posted (mission 1.15); a posting alone resets no
    other card.
    """
    counters.reset_posted(device=device, at=at)
    return commands.pending_for(device=device, after=after, at=at)


@transaction.atomic
def acknowledge(*, device: Device, ack: bytes, at: datetime) -> None:
    """Take the phone's signed acknowledgement and shadow the counters it states.

    :raises AcknowledgementInvalid: not an acknowledgement signed by this phone
    :raises NotFound: for a command it never got
    """
    told = commands.acknowledge(device=device, ack=ack, at=at)
    if told.credential is None:
        return
    facts = {
        "atc": told.atc,
        "uses": told.uses,
        "amount_minor": told.amount_minor,
        "ota_version": told.version,
        "reported_at": at,
    }
    row, made = ShadowCounter.objects.select_for_update().get_or_create(
        credential=told.credential, defaults=facts
    )
    if not made and told.atc >= row.atc:
        ShadowCounter.objects.filter(pk=row.pk).update(**facts)
