"""Standard Webhooks: secrets, signatures, and the check a receiver makes.

Source: the Standard Webhooks specification 1.0.0, symmetric signatures (``v1``). What is signed is
``id.timestamp.body``, so none of the three can be changed or swapped alone.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from typing import Final

from config.wire.errors import WireError

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
TOLERANCE_S: Final = 300  # how far a receiver's clock and ours may be apart, both ways
_PREFIX: Final = "whsec_"
_KEY_BYTES: Final = 32
_KEY_MIN, _KEY_MAX = 24, 64  # bytes, as the specification has it
_VERSION: Final = "v1,"


class WebhookRefused(WireError):
    """The message is not ours, was altered, or is too old; ``str()`` says which."""


def new_secret() -> str:
    """Return a fresh secret: ``whsec_`` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(os.urandom(_KEY_BYTES)).decode()


def sign(*, secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature, ``v1,`` and HMAC-SHA256 in base64; ``timestamp``: epoch seconds.

    :raises WebhookRefused: ``secret`` is none
    """
    told = f"{webhook_id}.{timestamp}.".encode() + body
    mac = hmac.digest(_key(secret), told, hashlib.sha256)
    return _VERSION + base64.b64encode(mac).decode()


def headers(
    *, secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """Return the three headers; while a secret rotates there is a signature by each that counts."""
    signed = (
        sign(secret=secret, webhook_id=webhook_id, timestamp=timestamp, body=body)
        for secret in secrets
    )
    return {ID: webhook_id, TIMESTAMP: str(timestamp), SIGNATURE: " ".join(signed)}


def verify(*, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> str:
    """
    Return the id of a genuine message: do its effect once for each id, whatever comes again.

    ``headers``: names in lower case. ``now``: the receiver's clock, epoch seconds. What is not
    ``v1`` is passed over, as the specification asks.

    :raises WebhookRefused: a header is missing, the time is off by more than 300 s, or no signature
        fits any of ``secrets``
    """
    webhook_id, stamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not webhook_id or not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        raise WebhookRefused("a header is missing or malformed")
    if abs(now - int(stamp)) > TOLERANCE_S:
        raise WebhookRefused("the timestamp is too old or too new")
    given = [word for word in headers.get(SIGNATURE, "").split(" ") if word.startswith(_VERSION)]
    expected = [
        sign(secret=secret, webhook_id=webhook_id, timestamp=int(stamp), body=body)
        for secret in secrets
    ]
    fits = [hmac.compare_digest(a.encode(), b.encode()) for a in given for b in expected]
    if not any(fits):
        raise WebhookRefused("no signature fits")
    return webhook_id


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX).encode(), validate=True)
    except (binascii.Error, ValueError):
        raise WebhookRefused("the secret is not base64") from None
    if not _KEY_MIN <= len(key) <= _KEY_MAX:
        raise WebhookRefused("the secret has not 24 to 64 bytes")
    return key
