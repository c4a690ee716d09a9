"""Signed requests to bend in tests."""

import base64
from typing import Any, Final

from config.wire import b64, httpsig, structured
from tests.wire.samples import KEY, NOW

NONCE: Final = bytes(range(16))
URI: Final = "https://pay.example/api/v1/reader/batches?dry=1"
BODY: Final = b'{"a": 1}'
SENT: Final = {"Content-Type": "application/json", "Idempotency-Key": "one-two-three-four"}

ALL: Final = '"@method" "@target-uri" "content-digest" "content-type" "idempotency-key"'
PARAMETERS: Final = f';created={NOW};nonce="{b64.encode(NONCE)}";keyid="DEV-1"'


def signed(
    *, method: str = "POST", headers: dict[str, str] = SENT, body: bytes = BODY, uri: str = URI
) -> dict[str, Any]:
    """Return a signed request as the arguments of ``parse_request``."""
    added = httpsig.sign_request(
        key=KEY,
        keyid="DEV-1",
        method=method,
        target_uri=uri,
        headers=headers,
        body=body,
        created=NOW,
        nonce=NONCE,
    )
    return {"method": method, "target_uri": uri, "headers": headers | added, "body": body}


def with_input(components: str, *, parameters: str = PARAMETERS, **headers: str) -> dict[str, Any]:
    """Return a request that covers other components, signed over whatever base comes out."""
    request = signed()
    request["headers"] |= headers | {"Signature-Input": f"sig1=({components}){parameters}"}
    return request


def resigned(request: dict[str, Any]) -> dict[str, Any]:
    """Sign what a request's own Signature-Input covers."""
    covered = structured.parse_dictionary(request["headers"]["Signature-Input"])["sig1"]
    assert isinstance(covered, structured.InnerList)
    base = httpsig.signature_base(
        method=request["method"],
        target_uri=request["target_uri"],
        headers=request["headers"],
        covered=covered,
    )
    signature = base64.b64encode(KEY.sign_raw(base)).decode()
    request["headers"]["Signature"] = f"sig1=:{signature}:"
    return request
