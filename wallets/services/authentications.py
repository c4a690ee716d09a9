"""Step-up: the holder proves on the phone who they are, and one act may follow (protocol §7).

A challenge is one phone's, short-lived and used up by the first answer that names it. Five answers
in a row that prove nothing lock the phone, as five wrong PIN codes do, until staff reset it.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from config.models import Device
from config.refusals import Refused
from config.wire.errors import WireError
from wallets.models import Authentication, AuthenticationChallenge, Phone
from wallets.services.pins import DeviceLocked
from wallets.wire import Assertion

CHALLENGE_LIFE = timedelta(minutes=2)
FAILURES_MAX = 5
_TOKEN_BYTES = 24
_CHALLENGE_BYTES = 32


class DeviceUnknown(Refused):
    code = "device_unknown"
    status = 403
    title = "The assertion names another device"


class AppSerialMismatch(Refused):
    code = "app_serial_mismatch"
    status = 403
    title = "The assertion is not of the app that was enrolled"


class VerificationFailed(Refused):
    code = "verification_failed"
    status = 403
    title = "The assertion does not prove that the holder is there"


class AuthenticationRequired(Refused):
    code = "authentication_required"
    status = 403
    title = "The customer must prove who it is first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """An authentication in clear, told once, and when it ends."""

    authentication: str
    expires_at: datetime


def challenge(*, device: Device, at: datetime) -> bytes:
    """Return 32 random bytes for the phone to sign within 2 minutes.

    :raises DeviceLocked: five assertions in a row proved nothing
    """
    if Phone.objects.get(device=device).authentication_failures >= FAILURES_MAX:
        raise DeviceLocked
    made = secrets.token_bytes(_CHALLENGE_BYTES)
    AuthenticationChallenge.objects.create(
        challenge_hash=_hash(made), device=device, expires_at=at + CHALLENGE_LIFE
    )
    return made


def prove(
    *, device: Device, app_serial: str, challenge: bytes, assertion: bytes, at: datetime
) -> Proved:
    """Exchange the phone's assertion for an authentication: 5 minutes, one use.

    ``assertion``: COSE_Sign1 by the device key; ``app_serial`` and ``challenge`` are what it
    states. A challenge is used up whatever comes of it.

    :raises DeviceUnknown: the assertion names another device than the signer
    :raises AppSerialMismatch: another app than the one that was enrolled
    :raises VerificationFailed: not signed by this phone, no live challenge, or nobody was verified
    :raises DeviceLocked: this is the fifth failure in a row, or came after it
    """
    proved = _try(device, app_serial, challenge, assertion, at)
    if isinstance(proved, Refused):
        raise proved
    return proved


def require_live(*, device: Device, authentication: str, at: datetime) -> None:
    """Refuse what is not preceded by a proof of ``device`` that is still good; it stays good.

    :raises AuthenticationRequired: there is none, or it is another phone's, too old or used
    """
    live = Authentication.objects.filter(
        token_hash=_hash(authentication.encode()), device=device, used_at=None, expires_at__gt=at
    )
    if not authentication or not live.exists():
        raise AuthenticationRequired


def consume(*, device: Device, authentication: str, at: datetime) -> None:
    """Use up an authentication of ``device``, in the transaction of the act it allows.

    :raises AuthenticationRequired: there is none, or it is another phone's, too old or used
    """
    if not authentication:
        raise AuthenticationRequired
    # One statement: of two acts at once the second waits here and then finds it used.
    used = Authentication.objects.filter(
        token_hash=_hash(authentication.encode()), device=device, used_at=None, expires_at__gt=at
    ).update(used_at=at)
    if not used:
        raise AuthenticationRequired


def forget_ended(*, at: datetime, limit: int) -> int:
    """Delete up to ``limit`` challenges and as many authentications that ended; return how many."""
    asked = AuthenticationChallenge.objects.filter(expires_at__lte=at).values("pk")[:limit]
    proved = Authentication.objects.filter(expires_at__lte=at).values("pk")[:limit]
    count, _models = AuthenticationChallenge.objects.filter(pk__in=asked).delete()
    return count + Authentication.objects.filter(pk__in=proved).delete()[0]


@transaction.atomic
def _try(
    device: Device, app_serial: str, challenge: bytes, assertion: bytes, at: datetime
) -> Proved | Refused:
    """Judge one assertion under the phone's row lock; a refusal is returned, so its count stays."""
    phone = Phone.objects.select_for_update().get(device=device)
    if phone.authentication_failures >= FAILURES_MAX:
        return DeviceLocked()
    live = AuthenticationChallenge.objects.filter(
        challenge_hash=_hash(challenge), device=device, used_at=None, expires_at__gt=at
    ).update(used_at=at)
    refusal = _fault(device, phone, app_serial, challenge, assertion)
    if refusal is None and not live:
        refusal = VerificationFailed()
    if refusal is not None:
        return _failed(phone, refusal, at)
    Phone.objects.filter(pk=phone.pk).update(authentication_failures=0)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    expires_at = at + timedelta(seconds=settings.TTL_S["AUTHENTICATION"])
    Authentication.objects.create(
        token_hash=_hash(token.encode()), device=device, made_at=at, expires_at=expires_at
    )
    return Proved(authentication=token, expires_at=expires_at)


def _fault(
    device: Device, phone: Phone, app_serial: str, challenge: bytes, assertion: bytes
) -> Refused | None:
    try:
        told = Assertion.peek(assertion)
    except WireError:
        return VerificationFailed()
    if told.device != device.reference:
        return DeviceUnknown()
    if {told.app_serial, app_serial} != {phone.app_serial}:
        return AppSerialMismatch()
    try:
        Assertion.open(assertion, public_key=bytes(device.public_key))
    except WireError:
        return VerificationFailed()
    proves = told.verified and told.challenge == challenge
    return None if proves else VerificationFailed()


def _failed(phone: Phone, refusal: Refused, at: datetime) -> Refused:
    failures = phone.authentication_failures + 1
    locked = failures >= FAILURES_MAX
    Phone.objects.filter(pk=phone.pk).update(
        authentication_failures=failures, locked_at=at if locked else phone.locked_at
    )
    if locked:  # what it proved before goes with it
        Authentication.objects.filter(device=phone.device_id, used_at=None).update(used_at=at)
    return DeviceLocked() if locked else refusal


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
