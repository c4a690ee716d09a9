"""Relays of a merchant, and which terminals leave their bills there."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import QuerySet

from config.models import Device
from config.models.devices import DeviceKind
from merchants.models import Equipment, Merchant, RelayPairing


def relays_of(*, merchant: Merchant) -> QuerySet[Equipment]:
    """Return the merchant's relays with device and store, in no order."""
    rows = Equipment.objects.filter(merchant=merchant, device__kind=DeviceKind.RELAY)
    return rows.select_related("device", "store")


def pairings_at(*, relays: Iterable[int]) -> dict[int, list[RelayPairing]]:
    """Return what is paired with each of the devices ``relays`` now, by the terminal's name."""
    rows = RelayPairing.objects.filter(relay__in=list(relays), ended_at=None)
    found: dict[int, list[RelayPairing]] = defaultdict(list)
    for pairing in rows.select_related("terminal").order_by("terminal__name", "id"):
        found[pairing.relay_id].append(pairing)
    return found


def terminals_of(*, merchant: Merchant) -> list[Device]:
    """Return the merchant's terminals in service that could leave a bill, by name."""
    rows = Device.objects.filter(
        equipment__merchant=merchant,
        kind=DeviceKind.TERMINAL,
        state=Device.State.ACTIVE,
        virtual_till=None,
    )
    return list(rows.order_by("name", "id"))
