"""A request kept on a machine's disk, unreadable in its journal.

A journal is read by people and copied to desks; a live number in it could be used by any of them
(protocol §2). The key is the machine's secret, which lies elsewhere.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from config.wire import b64

_NONCE_BYTES: Final = 12  # SP 800-38D §8.2.2: a random nonce of 96 bits


def seal(
    *,
    body: Mapping[str, Any],
    secret: bytes,
    reference: str,
    random_bytes: Callable[[int], bytes],
) -> str:
    """Return ``body`` as text that only ``secret`` (32 bytes) opens, and only as ``reference``."""
    nonce = random_bytes(_NONCE_BYTES)
    plain = json.dumps(body, separators=(",", ":")).encode()
    return b64.encode(nonce + AESGCM(secret).encrypt(nonce, plain, reference.encode()))


def unseal(*, sealed: str, secret: bytes, reference: str) -> dict[str, Any]:
    """Return what :func:`seal` sealed.

    :raises cryptography.exceptions.InvalidTag: not under this secret, or for another reference
    """
    raw = b64.decode(sealed)
    nonce, kept = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
    body: dict[str, Any] = json.loads(AESGCM(secret).decrypt(nonce, kept, reference.encode()))
    return body
