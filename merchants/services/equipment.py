"""A merchant's devices: what enrolment gives them, and what they are told on contact."""

import os
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import IntegrityError, transaction

from config import audit, keys, sealing
from config.audit import Actor
from config.models import Device, EnrolmentCode
from config.models.devices import DeviceKind
from config.models.keys import PLATFORM
from config.pipeline import Answer, Statement
from config.refusals import Refused
from config.signatures import OwnerBar
from config.wire import b64
from merchants.models import Equipment, Merchant, Store
from merchants.wire import ReaderCertificate

CERTIFICATE_LIFE = timedelta(days=365)
NUMBERED = frozenset({DeviceKind.TERMINAL, DeviceKind.READER, DeviceKind.ATM})
CERTIFIED = frozenset({DeviceKind.TERMINAL, DeviceKind.READER})
_TRIES = 20


class MerchantSuspended(Refused):
    code = "merchant_suspended"
    status = 403
    title = "The merchant is suspended"


SUSPENDED: Final = OwnerBar(
    condition="NOT EXISTS (SELECT FROM merchants_merchant m"
    f" WHERE m.reference = d.owner AND m.state = '{Merchant.State.ACTIVE.value}')",
    refusal=MerchantSuspended,
)


@transaction.atomic
def enrol(
    *, device: Device, code: EnrolmentCode, body: dict[str, Any], at: datetime
) -> dict[str, Any]:
    """Give a new device its place in the shop; return what only its enrolment answer tells.

    Number and secret (32 bytes) for TERMINAL, READER and ATM, a reader certificate for TERMINAL and
    READER (protocol §3 and §5). The secret is stored sealed and told this once.

    :raises MerchantSuspended: the merchant takes no devices now
    """
    merchant = Merchant.objects.get(reference=device.owner)
    if merchant.state != Merchant.State.ACTIVE:
        raise MerchantSuspended
    equipment = Equipment(device=device, merchant=merchant, store=_store_for(merchant, code))
    told: dict[str, Any] = {}
    if device.kind in CERTIFIED:
        equipment.certificate_expires_at = at + CERTIFICATE_LIFE
        equipment.certificate = _certificate(device, merchant, at)
        told["certificate"] = b64.encode(equipment.certificate)
    if device.kind in NUMBERED:
        secret = number(equipment=equipment)
        told |= {"number": equipment.number, "secret": b64.encode(secret)}
    else:
        equipment.save(force_insert=True)
    return told


def number(*, equipment: Equipment) -> bytes:
    """Insert ``equipment`` with a number and a new secret, sealed; return the secret (32 bytes)."""
    secret = os.urandom(32)
    context = f"equipment.secret.{equipment.device.reference}"
    equipment.secret = sealing.seal(secret, context=context)
    _save_with_number(equipment)
    return secret


def secret_of(*, equipment: Equipment) -> bytes:
    """Return the secret a terminal shares with the portal (32 bytes)."""
    assert equipment.secret is not None, f"{equipment} has no secret"
    context = f"equipment.secret.{equipment.device.reference}"
    return sealing.unseal(equipment.secret, context=context)


class Place(NamedTuple):
    """Where a device stands, and what it shares with the portal (sealed)."""

    device_id: int
    device: str
    number: int | None
    sealed: bytes | None
    merchant_id: int
    merchant: str
    merchant_name: str
    time_zone: str
    store_id: int
    store: str
    store_name: str

    @classmethod
    def of(cls, answer: Answer, *, device: Device) -> "Place":
        """Return what :func:`place_of` found of ``device``."""
        assert answer.row is not None, "a merchant's device has its place"
        return cls(device.pk, device.reference, *answer.row)

    def secret(self) -> bytes:
        """Return the secret a terminal shares with the portal (32 bytes)."""
        assert self.sealed is not None, f"{self.device} has no secret"
        return sealing.unseal(bytes(self.sealed), context=f"equipment.secret.{self.device}")


def place_of(*, device_id: int) -> Statement:
    """Return the statement that reads a device's :class:`Place`."""
    return Statement(_PLACE, [device_id])


_PLACE: Final = """
SELECT e.number, e.secret, m.id, m.reference, m.name, m.time_zone, s.id, s.reference, s.name
  FROM merchants_equipment e
  JOIN merchants_merchant m ON m.id = e.merchant_id
  JOIN merchants_store s ON s.id = e.store_id
 WHERE e.device_id = %s
"""


def secrets_of(*, numbers: Iterable[int]) -> dict[int, bytes]:
    """Return the secrets of those of ``numbers`` that are terminals which may be heard now."""
    rows = Equipment.objects.filter(
        number__in=list(numbers),
        device__kind=DeviceKind.TERMINAL,
        device__state=Device.State.ACTIVE,
        merchant__state=Merchant.State.ACTIVE,
    )
    return {
        row.number: secret_of(equipment=row)
        for row in rows.select_related("device").only("number", "secret", "device__reference")
        if row.number is not None
    }


def refuse_suspended(*, device: Device) -> None:
    """Refuse a device whose merchant is suspended (protocol §3, "Who may what").

    :raises MerchantSuspended: it is
    """
    SUSPENDED.refuse(device=device)


def limits_of(*, device: Device) -> dict[str, Any]:
    """Return what ``GET /device/config`` tells a merchant's device: limits, list age, capacity."""
    equipment = Equipment.objects.select_related("merchant", "store").get(device=device)
    return {
        "merchant": {"id": equipment.merchant.reference, "name": equipment.merchant.name},
        "store": equipment.store.name,
        "limits": {
            equipment.merchant.currency: {
                "floor": equipment.floor_minor,
                "unsent": equipment.max_unsent_minor,
            }
        },
        "capacities": {
            "records": equipment.capacity,
            "oldest_s": equipment.max_age_days * 86400,
        },
        "blacklist_max_age_s": equipment.merchant.blacklist_max_age_s,
        "split_sale_window_s": equipment.merchant.split_sale_window_s,
    }


@transaction.atomic
def edit(
    *,
    equipment: Equipment,
    store: Store,
    name: str,
    capacity: int,
    floor_minor: int,
    max_unsent_minor: int,
    actor: Actor,
    at: datetime,
) -> Equipment:
    """Rename or move a device and set its offline limits (in minor units)."""
    assert store.merchant_id == equipment.merchant_id, "a device stands in its merchant's stores"
    before = _told(equipment)
    equipment.store, equipment.capacity = store, capacity
    equipment.floor_minor, equipment.max_unsent_minor = floor_minor, max_unsent_minor
    equipment.save(update_fields=["store", "capacity", "floor_minor", "max_unsent_minor"])
    Device.objects.filter(pk=equipment.device_id).update(name=name)
    equipment.device.name = name
    audit.record(
        actor=actor,
        action="equipment.edit",
        subject_kind="device",
        subject=equipment.device.reference,
        tenant=equipment.merchant.reference,
        at=at,
        before=before,
        after=_told(equipment),
    )
    return equipment


def _told(equipment: Equipment) -> dict[str, Any]:
    return {
        "name": equipment.device.name,
        "store": equipment.store.name,
        "capacity": equipment.capacity,
        "floor_minor": equipment.floor_minor,
        "max_unsent_minor": equipment.max_unsent_minor,
    }


def _store_for(merchant: Merchant, code: EnrolmentCode) -> Store:
    stores = merchant.stores.filter(closed_at=None).order_by("id")
    return stores.get(reference=code.store) if code.store else stores[0]


def _certificate(device: Device, merchant: Merchant, at: datetime) -> bytes:
    issued = int(at.timestamp())
    return ReaderCertificate(
        device=device.reference,
        merchant=merchant.reference,
        merchant_name=merchant.name,
        public_key=bytes(device.public_key),
        issued=issued,
        expires=issued + int(CERTIFICATE_LIFE.total_seconds()),
    ).sign(key=keys.signer(holder=PLATFORM, at=at))


def _save_with_number(equipment: Equipment) -> None:
    """Draw terminal numbers until one of the 2^30 is free."""
    for _ in range(_TRIES):
        equipment.number = secrets.randbits(30)
        try:
            with transaction.atomic():
                equipment.save(force_insert=True)
        except IntegrityError:
            continue
        return
    raise AssertionError("no free terminal number after twenty draws")
