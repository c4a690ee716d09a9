"""Enrolment: a one-time code makes a key into a device (protocol section 3)."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string

from config import audit, devices, pipeline, references, signatures
from config.audit import Actor
from config.models import Device, EnrolmentCode, EnrolmentFailure
from config.models.devices import DeviceKind
from config.pipeline import Statement
from config.refusals import Refused
from config.signatures import NewKey
from config.wire import base32

DIGITS: Final = 10
LIFE: Final = timedelta(minutes=15)
TRIES_MAX: Final = 5
FAILURES_MAX: Final = 10
LOCK: Final = timedelta(minutes=1)

PREFIX: Final = {
    DeviceKind.PHONE: "PHN",
    DeviceKind.TERMINAL: "TRM",
    DeviceKind.READER: "RDR",
    DeviceKind.ATM: "ATM",
    DeviceKind.RELAY: "RLY",
}


class EnrolmentCodeInvalid(Refused):
    code = "enrolment_code_invalid"
    title = "The enrolment code does not fit"


class EnrolmentLocked(Refused):
    code = "enrolment_locked"
    status = 429
    title = "Too many wrong enrolment codes from this address"


class PublicKeyTaken(Refused):
    code = "public_key_taken"
    status = 409
    title = "The key is another device's; make a new one"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCode:
    """A fresh code in clear: shown once, kept as a keyed hash."""

    code: str
    kind: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A new device, and what its owner's app tells it this once."""

    device: Device
    told: dict[str, Any]


@transaction.atomic
def make_code(*, kind: str, owner: str, actor: Actor, at: datetime, store: str = "") -> NewCode:
    """
    Make a one-time code for a device of ``kind``: 10 base32 characters, 15 minutes, 5 tries.

    ``owner`` is the reference of the merchant, for a PHONE of the customer; ``store`` where a
    merchant's device will stand, "" for the first.

    :raises NotFound: there is no such owner or store (``ENROLMENT_OWNER_CHECKS``)
    """
    import_string(settings.ENROLMENT_OWNER_CHECKS[kind])(owner=owner, store=store)
    code = base32.encode(secrets.randbits(base32.BITS * DIGITS), digits=DIGITS)
    expires_at = at + LIFE
    EnrolmentCode.objects.create(
        code_hash=_hash(code),
        kind=kind,
        owner=owner,
        store=store,
        created_at=at,
        expires_at=expires_at,
    )
    audit.record(
        actor=actor,
        action="enrolment_code.make",
        subject_kind="enrolment_code",
        subject=kind,
        tenant=owner,
        at=at,
    )
    return NewCode(code=code, kind=kind, expires_at=expires_at)


def redeem(
    *,
    code: str,
    kind: str,
    name: str,
    key: NewKey,
    body: dict[str, Any],
    address: str,
    at: datetime,
) -> Enrolled:
    """
    Make the holder of ``key`` a device, once per code.

    ``code`` as typed; ``body`` goes to the app that owns the kind (``ENROLMENT_OWNERS``), whose
    ``enrol(*, device, code, body, at)`` returns further fields of the answer. Wrong codes count
    against the address, and against a code that was met with another kind.

    :raises EnrolmentLocked: ten failures a minute from ``address`` lock it for a minute
    :raises EnrolmentCodeInvalid: unknown, used, expired, of another kind, or tried too often
    :raises PublicKeyTaken: the key is a device's already
    """
    enrolled = _try(typed=code, kind=kind, name=name, key=key, body=body, address=address, at=at)
    if enrolled is None:
        raise EnrolmentCodeInvalid
    return enrolled


def forget_failures(*, at: datetime, limit: int) -> int:
    """Delete up to ``limit`` failures that can lock nobody any more; return how many."""
    old = EnrolmentFailure.objects.filter(at__lte=at - 2 * LOCK).values("pk")[:limit]
    count, _models = EnrolmentFailure.objects.filter(pk__in=old).delete()
    return count


@transaction.atomic
def _try(
    *,
    typed: str,
    kind: str,
    name: str,
    key: NewKey,
    body: dict[str, Any],
    address: str,
    at: datetime,
) -> Enrolled | None:
    """Redeem the code, or count a failure and return None, so that the count is committed."""
    _refuse_locked(_failures(address, at), at)
    code = EnrolmentCode.objects.select_for_update().filter(code_hash=_hash(typed)).first()
    if code is None or not _is_live(code, at) or code.kind != kind:
        _count_failure(code, address, at)
        return None
    device = _create(code, name, key, at)
    code.used_at, code.device = at, device
    code.save(update_fields=["used_at", "device"])
    signatures.spend_nonce(device=device, signed=key.signed)
    told = import_string(settings.ENROLMENT_OWNERS[kind])(
        device=device, code=code, body=body, at=at
    )
    audit.record(
        actor=Actor(kind="DEVICE", name=device.reference, address=address),
        action="device.enrol",
        subject_kind="device",
        subject=device.reference,
        tenant=code.owner,
        at=at,
        after={"kind": kind, "fingerprint": devices.fingerprint(public_key=key.public_key)},
    )
    return Enrolled(device=device, told=told)


def _create(code: EnrolmentCode, name: str, key: NewKey, at: datetime) -> Device:
    try:
        return Device.objects.create(
            reference=references.new(PREFIX[DeviceKind(code.kind)]),
            kind=code.kind,
            name=name,
            owner=code.owner,
            public_key=key.public_key,
            enrolled_at=at,
            seen_at=at,
        )
    except IntegrityError as taken:
        raise PublicKeyTaken from taken  # which undoes the attempt


def _is_live(code: EnrolmentCode, at: datetime) -> bool:
    return code.used_at is None and at < code.expires_at and code.tries < TRIES_MAX


def _count_failure(code: EnrolmentCode | None, address: str, at: datetime) -> None:
    EnrolmentFailure.objects.create(address=address, at=at)
    if code is not None and code.tries < TRIES_MAX:
        code.tries += 1
        code.save(update_fields=["tries"])


def _failures(address: str, at: datetime) -> list[datetime]:
    """Return when the newest were, one attempt per address at a time, or a burst would pass the
    count; in one round trip.
    """
    number = int.from_bytes(sha256(f"enrolment {address}".encode()).digest()[:8], signed=True)
    # Of those at once, some read the clock after this one and were let in before it: they count.
    recent = Statement(_FAILURES, [address, at - 2 * LOCK])
    _locked, failed = pipeline.run(Statement(_ONE_AT_A_TIME, [number]), recent)
    return sorted(failed_at for (failed_at,) in failed.rows)[-FAILURES_MAX:]


_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(%s::bigint)"
_FAILURES: Final = "SELECT at FROM config_enrolmentfailure WHERE address = %s::inet AND at > %s"


def _refuse_locked(times: list[datetime], at: datetime) -> None:
    """Refuse for a minute after the failure that was the tenth within a minute."""
    if len(times) < FAILURES_MAX or times[-1] - times[0] >= LOCK:
        return
    left = times[-1] + LOCK - at
    if left > timedelta():
        raise EnrolmentLocked(retry_after_s=-(-left // timedelta(seconds=1)))


def _hash(typed: str) -> bytes:
    code = base32.tidy(typed)
    return salted_hmac("paydesk enrolment code", code, algorithm="sha256").digest()
