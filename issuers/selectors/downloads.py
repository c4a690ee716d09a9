"""Which list versions readers were given, by the portal's own log."""

from collections import defaultdict
from collections.abc import Collection

from issuers.models import BlacklistDownload


def versions_held(*, devices: Collection[int]) -> dict[int, list[tuple[str, int]]]:
    """Return for each device (by key) its newest version of each issuer's list, in one query."""
    newest = (
        BlacklistDownload.objects.filter(device__in=devices)
        .order_by("device_id", "issuer_id", "-at", "-id")
        .distinct("device_id", "issuer_id")
        .values_list("device_id", "issuer__name", "version")
    )
    held: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for device, issuer, version in newest:
        held[device].append((issuer, version))
    return held
