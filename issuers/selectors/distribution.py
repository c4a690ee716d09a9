"""How far the blacklist has got: versions with their reach, readers and phones with what they hold.

What a reader holds is known from the portal's own log of what it gave out.
"""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime

from django.db.models import (
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce

from config.models import Device
from issuers.models import (
    BlacklistDownload,
    BlacklistVersion,
    Credential,
    Issuer,
    ListedNumber,
    OtaCommand,
)

_State = OtaCommand.State
_Action = OtaCommand.Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """A version, how many of its commands phones have applied, and how many readers hold it."""

    version: BlacklistVersion
    commands: int
    applied: int
    readers: int
    holding: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceVersion:
    """A reader and the newest list version it was given, with the time of that answer."""

    device: Device
    version: int
    at: datetime
    behind: bool


def versions_with_reach(*, issuer: Issuer, limit: int = 50) -> list[Reach]:
    """Return the newest versions of ``issuer`` with their reach, newest first.

    ``holding`` counts readers that hold that version or a newer one, of ``readers`` that ever
    fetched any.
    """
    versions = list(
        BlacklistVersion.objects.filter(issuer=issuer).order_by("-version").defer("digest")[:limit]
    )
    if not versions:
        return []
    held = sorted(version for version, _at in _held(issuer).values())
    commands = _commands_by_version(issuer, oldest=versions[-1].version)
    reached = []
    for version in versions:
        queued, applied = commands.get(version.version, (0, 0))
        holding = len(held) - bisect_left(held, version.version)
        reached.append(
            Reach(
                version=version,
                commands=queued,
                applied=applied,
                readers=len(held),
                holding=holding,
            )
        )
    return reached


def _held(issuer: Issuer) -> dict[int, tuple[int, datetime]]:
    """Return by device (key) the newest version it was given, and when; versions only rise."""
    logged = BlacklistDownload.objects.filter(issuer=issuer, device__state=Device.State.ACTIVE)
    newest = logged.order_by("device_id", "-version", "-at").distinct("device_id")
    return {
        device: (version, at)
        for device, version, at in newest.values_list("device_id", "version", "at")
    }


def _commands_by_version(issuer: Issuer, *, oldest: int) -> dict[int, tuple[int, int]]:
    """Return by version the commands of the cards it lists or lifts, and how many are applied."""
    counted: dict[int, tuple[int, int]] = {}
    for field, action in (("added_in", _Action.BLOCK), ("removed_in", _Action.UNBLOCK)):
        numbers = ListedNumber.objects.filter(
            issuer=issuer, entry__commands__action=action, **{f"{field}__gte": oldest}
        )
        rows = numbers.values_list(field).annotate(
            queued=Count("entry__commands", distinct=True),
            applied=Count(
                "entry__commands",
                distinct=True,
                filter=Q(entry__commands__state=_State.APPLIED),
            ),
        )
        for version, queued, applied in rows.order_by():
            before = counted.get(version, (0, 0))
            counted[version] = (before[0] + queued, before[1] + applied)
    return counted


def devices_with_versions(*, issuer: Issuer) -> list[DeviceVersion]:
    """Return the readers that ever fetched the issuer's list, those furthest behind first."""
    versions = BlacklistVersion.objects.filter(issuer=issuer)
    newest = versions.aggregate(newest=Max("version"))["newest"] or 0
    held = _held(issuer)
    readers = [
        DeviceVersion(device=device, version=version, at=at, behind=version < newest)
        for device in Device.objects.filter(pk__in=held)
        for version, at in [held[device.pk]]
    ]
    return sorted(readers, key=lambda reader: (reader.version, reader.at))


def phones_with_commands(*, issuer: Issuer) -> QuerySet[Device]:
    """Return the phones with a card of ``issuer``, longest silent first, with two counts.

    ``waiting``: commands not yet acknowledged; ``undelivered``: those of them given up.
    """
    mine = OtaCommand.objects.filter(card__issuer=issuer, device=OuterRef("pk"))
    carries = Credential.objects.filter(
        issuer=issuer, device=OuterRef("pk"), state=Credential.State.ACTIVE
    )
    phones = Device.objects.filter(Exists(carries)).annotate(
        waiting=_counted(mine.exclude(state=_State.APPLIED), by="device"),
        undelivered=_counted(mine.filter(state=_State.UNDELIVERED), by="device"),
    )
    return phones.order_by(F("seen_at").asc(nulls_first=True), "pk")


def _counted(rows: QuerySet[OtaCommand], *, by: str) -> Coalesce:
    counts = rows.order_by().values(by).annotate(counted=Count("pk")).values("counted")
    return Coalesce(Subquery(counts, output_field=IntegerField()), 0)
