"""Over-the-air commands as the phone sees them: pulled, applied, acknowledged (protocol §5.2)."""

from datetime import datetime
from typing import Final

from django.db import connection, transaction

from config.models import Device
from issuers.services import commands, counters
from issuers.services.commands import Outgoing


def pull(*, device: Device, after: int, at: datetime, is_posted: bool = True) -> list[Outgoing]:
    """Return what waits for the phone above ``after``, the counter resets that are due included.

    Due are those of programmes that reset once posted (mission 1.15); a posting alone resets no
    other card. ``is_posted``: whether anything was posted since the last reset of a card the phone
    carries, where the caller knows.
    """
    if is_posted:
        counters.reset_posted(device=device, at=at)
    return commands.pending_for(device=device, after=after, at=at)


@transaction.atomic
def acknowledge(*, device: Device, ack: bytes, at: datetime) -> None:
    """Take the phone's signed acknowledgement and shadow the counters it states.

    :raises AcknowledgementInvalid: not an acknowledgement signed by this phone
    :raises NotFound: for a command it never got
    """
    told = commands.acknowledge(device=device, ack=ack, at=at)
    if told.credential_id is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _SHADOW,
            [told.credential_id, told.atc, told.uses, told.amount_minor, told.version, at],
        )


# Of two acknowledgements the one of the later use counts, whichever comes first.
_SHADOW: Final = """
INSERT INTO wallets_shadowcounter AS s
       (credential_id, atc, uses, amount_minor, ota_version, reported_at)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (credential_id) DO UPDATE
   SET atc = excluded.atc, uses = excluded.uses, amount_minor = excluded.amount_minor,
       ota_version = excluded.ota_version, reported_at = excluded.reported_at
 WHERE s.atc <= excluded.atc
"""
