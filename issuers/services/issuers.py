"""Issuers: a card company and the first key it signs with."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from config import audit, keys, references
from config.audit import Actor
from config.refusals import Refused
from issuers.models import Issuer


class TimeZoneUnknown(Refused):
    code = "time_zone_unknown"
    title = "Unknown time zone"


@transaction.atomic
def add(*, name: str, at: datetime, actor: Actor, time_zone: str = "Asia/Seoul") -> Issuer:
    """Open the books of a new issuer and give it its first signing key from ``at`` on.

    ``time_zone``: IANA name; the issuer's business day is counted in it.

    :raises TimeZoneUnknown: the time zone is not in the IANA database
    """
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as unknown:
        raise TimeZoneUnknown(f"{time_zone!r} is no IANA time zone.") from unknown
    issuer = Issuer.objects.create(
        reference=references.new("ISS"), name=name.strip(), time_zone=time_zone
    )
    keys.roll(holder=issuer.reference, at=at)
    audit.record(
        actor=actor,
        action="issuer.add",
        subject_kind="issuer",
        subject=issuer.reference,
        tenant=issuer.reference,
        at=at,
        after={"name": issuer.name, "time_zone": time_zone},
    )
    return issuer
