"""Over-the-air commands as the phone sees them: pulled, applied, acknowledged (protocol §5.2)."""

from datetime import datetime

from django.db import transaction

from config.models import Device
from issuers.services import commands
from wallets.models import ShadowCounter


@transaction.atomic
def acknowledge(*, device: Device, ack: bytes, at: datetime) -> None:
    """Take the phone's signed acknowledgement and shadow the counters it states.

    :raises AcknowledgementInvalid: not signed by this phone, or for a command it never got
    """
    acknowledged = commands.acknowledge(device=device, ack=ack, at=at)
    if acknowledged.credential is None:
        return
    told = acknowledged.told
    facts = {
        "atc": told.atc,
        "uses": told.uses,
        "amount_minor": told.amount,
        "ota_version": told.version,
        "reported_at": at,
    }
    row, made = ShadowCounter.objects.select_for_update().get_or_create(
        credential=acknowledged.credential, defaults=facts
    )
    if not made and told.atc >= row.atc:
        ShadowCounter.objects.filter(pk=row.pk).update(**facts)
