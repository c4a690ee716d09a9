"""The platform's end of ``GET /device/config``: documents with any keys, signed by any of them."""

from datetime import UTC, datetime

import httpx

from config.wire import b64, cbor, cose
from tests.devices.parties import DAY, ISSUER, NOON, READER

YEAR = 365 * DAY
LIMITS = {
    "limits": {"KRW": {"floor": 50_000, "unsent": 5_000_000}},
    "capacities": {"records": 500, "oldest_s": 7 * DAY},
    "blacklist_max_age_s": DAY,
    "split_sale_window_s": 300,
}


def document(*, signer, platform, issuer, at=NOON, device=READER, **changes):
    """Return a configuration of ``at``; ``platform`` and ``issuer`` are lists of (key, since)."""
    content = {
        "device": device,
        "kind": "READER",
        "issued_at": _text(at),
        "trust": {
            "platform": [_entry(key, since) for key, since in platform],
            "issuers": [_entry(key, since) | {"issuer": ISSUER} for key, since in issuer],
        },
    }
    content |= LIMITS | changes
    signed = cose.sign(payload=cbor.encode(content), key=signer)
    return content | {"signed": b64.encode(signed)}


def answer(**content):
    return httpx.Response(200, json=document(**content))


def _entry(key, since):
    return {"public_key": b64.encode(key.public), "from": _text(since), "until": _text(NOON + YEAR)}


def _text(at):
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
