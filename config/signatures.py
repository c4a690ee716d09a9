"""Who signed a request: device, signature, time and nonce, in the protocol's order (section 3).

The same check serves the API and the handshakes of sockets; the form of a signature is
``config.wire.httpsig``'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from config import devices
from config.models import Device
from config.refusals import Refused
from config.wire import b64, httpsig
from config.wire.errors import WireError
from config.wire.httpsig import SignedRequest
from config.wire.keys import kid_of

SKEW = timedelta(seconds=60)


class SignatureInvalid(Refused):
    code = "signature_invalid"
    status = 401
    title = "The request is not signed by a device we know"


class SignatureExpired(Refused):
    code = "signature_expired"
    status = 401
    title = "The signature's time is too far from ours"


class SignatureReplayed(Refused):
    code = "signature_replayed"
    status = 401
    title = "The signature was used before"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerBar:
    """What keeps a device from acting for its owner: SQL about a device ``d``, and the refusal."""

    condition: str
    refusal: type[Refused]

    def refuse(self, *, device: Device) -> None:
        """Refuse a device that may not act now.

        :raises Refused: the refusal
        """
        with connection.cursor() as cursor:
            cursor.execute(_BARRED.format(barred=self.condition), [device.pk])
            if cursor.fetchone() == (True,):
                raise self.refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A public key (P-256, 65 bytes) whose holder signed this request and is no device yet."""

    public_key: bytes
    signed: SignedRequest


def verify_request(
    *, method: str, target_uri: str, headers: Mapping[str, str], body: bytes, at: datetime
) -> Device:
    """
    Return the device that signed a request (RFC 9421), its nonce spent and its contact noted.

    ``target_uri`` is origin, path and query as sent, for a handshake in its ``http(s)`` form.

    :raises SignatureInvalid: no signature, wrong form, unknown or revoked device, or no fit
    :raises SignatureExpired: more than 60 s off; tells ``server_time``
    :raises SignatureReplayed: the nonce was used with this key before
    :raises Refused: the device's owner may not act now (``DEVICE_OWNER_BARS``)
    """
    signed = read(method=method, target_uri=target_uri, headers=headers, body=body)
    device = Device.objects.filter(reference=signed.keyid, state=Device.State.ACTIVE).first()
    if device is None:
        raise SignatureInvalid
    check(signed=signed, public_key=bytes(device.public_key), at=at)
    _admit(device, signed, at)
    return device


def verify_new_key(*, signed: SignedRequest, public_key: bytes, at: datetime) -> NewKey:
    """
    Return the proof that an enrolment was signed by the very key it brings.

    A key that is a device's already keeps its nonces like any other.

    :raises SignatureInvalid: ``keyid`` is not that key's id, or the signature does not fit
    :raises SignatureExpired: more than 60 s off; tells ``server_time``
    :raises SignatureReplayed: the nonce was used with this key before
    """
    if signed.keyid != b64.encode(kid_of(public_key)):
        raise SignatureInvalid
    check(signed=signed, public_key=public_key, at=at)
    device = Device.objects.filter(public_key=public_key).first()
    if device is not None:
        spend_nonce(device=device, signed=signed)
    return NewKey(public_key=public_key, signed=signed)


def read(*, method: str, target_uri: str, headers: Mapping[str, str], body: bytes) -> SignedRequest:
    """
    Return a request's signature taken apart.

    :raises SignatureInvalid: there is none, its form is wrong, or a named field is not covered
    """
    try:
        return httpsig.parse_request(
            method=method, target_uri=target_uri, headers=headers, body=body
        )
    except WireError as wrong:
        raise SignatureInvalid(str(wrong)) from wrong


def check(*, signed: SignedRequest, public_key: bytes, at: datetime) -> None:
    """
    Verify signature and time.

    :raises SignatureInvalid: the signature does not fit ``public_key``
    :raises SignatureExpired: ``created`` is more than 60 s off, or ``expires`` has come
    """
    try:
        signed.verify(public_key)
    except WireError as wrong:
        raise SignatureInvalid(str(wrong)) from wrong
    off = abs(at - datetime.fromtimestamp(signed.created, tz=UTC))
    ended = signed.expires is not None and at.timestamp() >= signed.expires
    if off > SKEW or ended:
        raise SignatureExpired(server_time=at)


def spend_nonce(*, device: Device, signed: SignedRequest) -> None:
    """
    Store the nonce of a good signature, for as long as the signature could be taken again.

    :raises SignatureReplayed: it is stored already
    """
    with connection.cursor() as cursor:
        cursor.execute(f"{_SPEND} ON CONFLICT DO NOTHING", _nonce_of(device, signed))
        if cursor.rowcount != 1:
            raise SignatureReplayed


def _admit(device: Device, signed: SignedRequest, at: datetime) -> None:
    """Spend the nonce, note the contact and look at the owner: one statement, in this order."""
    bar = _bar_of(device.kind)
    is_noted = devices.is_seen_due(device=device, at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            _ADMIT.format(
                spend=_SPEND,
                noted=_NOTED if is_noted else "",
                barred=bar.condition if bar else "FALSE",
            ),
            [*_nonce_of(device, signed), *([at, at] if is_noted else [])],
        )
        spent = cursor.fetchone()
    if spent is None:
        raise SignatureReplayed
    if is_noted:
        device.seen_at = at
    (is_barred,) = spent
    if bar is not None and is_barred:
        raise bar.refusal


def _bar_of(kind: str) -> OwnerBar | None:
    dotted = settings.DEVICE_OWNER_BARS.get(kind)
    return cast("OwnerBar", import_string(dotted)) if dotted else None


def _nonce_of(device: Device, signed: SignedRequest) -> list[Any]:
    expires_at = datetime.fromtimestamp(signed.created, tz=UTC) + SKEW + timedelta(seconds=1)
    return [device.pk, signed.nonce, expires_at]


_SPEND: Final = "INSERT INTO config_seennonce (device_id, nonce, expires_at) VALUES (%s, %s, %s)"

# Only where the nonce was spent: a request that is replayed is no contact.
_NOTED: Final = """,
     noted AS (
    UPDATE config_device d SET seen_at = %s FROM spent
     WHERE d.id = spent.device_id AND (d.seen_at IS NULL OR d.seen_at < %s))"""

_ADMIT: Final = """
WITH spent AS ({spend} ON CONFLICT DO NOTHING RETURNING device_id){noted}
SELECT {barred} FROM spent JOIN config_device d ON d.id = spent.device_id
"""

_BARRED: Final = "SELECT {barred} FROM config_device d WHERE d.id = %s"
