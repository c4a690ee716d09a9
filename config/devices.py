"""Devices: last contact, revocation, and what ``GET /device/config`` tells each of them."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.module_loading import import_string

from config import audit, keys
from config.audit import Actor
from config.models import Device, PublicKey, SeenNonce
from config.models.keys import PLATFORM
from config.refusals import NotFound
from config.wire import b64, cbor, cose

# Contact is noted this coarsely, so that a busy terminal does not rewrite its row each request.
SEEN_EVERY = timedelta(seconds=10)


def seen(*, device: Device, at: datetime) -> None:
    """Note that ``device`` proved itself at ``at``; the row is written every 10 s at most."""
    if not is_seen_due(device=device, at=at):
        return
    newer = Q(seen_at=None) | Q(seen_at__lt=at)
    Device.objects.filter(newer, pk=device.pk).update(seen_at=at)
    device.seen_at = at


def is_seen_due(*, device: Device, at: datetime) -> bool:
    """Return whether the last contact that was noted is long enough ago for the next."""
    return device.seen_at is None or at - device.seen_at >= SEEN_EVERY


@transaction.atomic
def revoke(*, reference: str, actor: Actor, at: datetime, reason: str = "") -> Device:
    """
    End a device for good: its next request is refused. Revoking one twice changes nothing.

    What the app that owns the kind ties to it (``DEVICE_ENDINGS``) ends in the same transaction.

    :raises NotFound: there is no such device
    """
    # Not FOR UPDATE: what refers to the device, a card's block say, need not wait for its end.
    rows = Device.objects.select_for_update(no_key=True)
    device = rows.filter(reference=reference).first()
    if device is None:
        raise NotFound
    if device.state == Device.State.REVOKED:
        return device
    device.transition(Device.State.REVOKED, revoked_at=at)
    ending = settings.DEVICE_ENDINGS.get(device.kind)
    if ending is not None:
        import_string(ending)(device=device, actor=actor, reason=reason, at=at)
    audit.record(
        actor=actor,
        action="device.revoke",
        subject_kind="device",
        subject=device.reference,
        tenant=device.owner,
        reason=reason,
        at=at,
    )
    return device


def device_named(*, reference: str) -> Device:
    """Return the device of that reference, in service or not.

    :raises NotFound: there is none
    """
    found = Device.objects.filter(reference=reference).first()
    if found is None:
        raise NotFound(f"No device {reference}.")
    return found


def fingerprint(*, public_key: bytes) -> str:
    """Return what people compare a key by: base64url of the SHA-256 of its 65 bytes."""
    return b64.encode(hashlib.sha256(public_key).digest())


def configuration(*, device: Device, at: datetime, kid: bytes | None = None) -> dict[str, Any]:
    """
    Return what ``device`` may do and whom it may trust (protocol §3), signed by the platform.

    The limits come from the app that owns the kind (``DEVICE_LIMITS``). ``signed`` is COSE_Sign1
    over the deterministic CBOR of the same object without ``signed``. ``kid``: the platform key
    the device knows; while that one is trusted it signs, so that a device which slept through a
    roll-over takes the new key on the word of the old one.
    """
    document: dict[str, Any] = {
        "device": device.reference,
        "kind": device.kind,
        "issued_at": _text(at),
        "trust": trust_list(at=at),
    }
    document |= import_string(settings.DEVICE_LIMITS[device.kind])(device=device)
    signer = keys.signer_known(holder=PLATFORM, kid=kid, at=at)
    signed = cose.sign(payload=cbor.encode(document), key=signer)
    return document | {"signed": b64.encode(signed)}


def trust_list(*, at: datetime) -> dict[str, list[dict[str, str]]]:
    """Return every key not yet ended with its window (RFC 3339): the platform's, the issuers'."""
    keys.current(holder=PLATFORM, at=at)  # makes the platform's first key
    rows = PublicKey.objects.filter(active_until__gt=at).order_by("holder", "active_from", "id")
    platform = [_window(row) for row in rows if row.holder == PLATFORM]
    issuers = [{"issuer": row.holder} | _window(row) for row in rows if row.holder != PLATFORM]
    return {"platform": platform, "issuers": issuers}


def first_trust(*, at: datetime) -> dict[str, Any]:
    """Return the keys an enrolment's answer carries, without windows: the next ones included."""
    trusted = PublicKey.objects.exclude(holder=PLATFORM).filter(active_until__gt=at)
    return {
        "platform_key": platform_key(at=at),
        "issuers": [
            {"issuer": row.holder, "public_key": b64.encode(bytes(row.public_key))}
            for row in trusted.order_by("holder", "active_from", "id")
        ],
    }


def platform_key(*, at: datetime) -> str:
    """Return the platform's public key in force, base64url."""
    return b64.encode(bytes(keys.current(holder=PLATFORM, at=at).public_key))


def forget_nonces(*, at: datetime, limit: int) -> int:
    """Delete up to ``limit`` nonces whose signatures are too old to be taken; return how many."""
    old = SeenNonce.objects.filter(expires_at__lte=at).values("pk")[:limit]
    count, _models = SeenNonce.objects.filter(pk__in=old).delete()
    return count


def _window(row: PublicKey) -> dict[str, str]:
    return {
        "public_key": b64.encode(bytes(row.public_key)),
        "from": _text(row.active_from),
        "until": _text(row.active_until),
    }


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
