"""Sealed secrets: AES-256-GCM with the row's meaning bound as associated data.

The key-encryption key lies outside the database (``PAYDESK_SEALING_KEY``, or a file of the data
directory in development); each sealed value starts with the key's id, so that keys can roll.
"""

import hashlib
import os
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from config.wire import b64


@lru_cache(maxsize=4)
def _keys(configured: str, path: str) -> dict[bytes, bytes]:
    given = [b64.decode(text) for text in configured.split(",") if text]
    keys = given or [_key_file(path)]
    return {hashlib.sha256(key).digest()[:4]: key for key in keys}


def _key_file(path: str) -> bytes:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    with os.fdopen(handle, "wb") as file:
        key = os.urandom(32)
        file.write(key)
    return key


def _current() -> dict[bytes, bytes]:
    return _keys(
        os.environ.get("PAYDESK_SEALING_KEY", ""), str(settings.DATA_DIR / "keys" / "sealing.key")
    )


def seal(plain: bytes, *, context: str, key: bytes | None = None) -> bytes:
    """Return ``plain`` sealed for ``context`` (table, column and row it belongs to)."""
    kid, secret = (b"\0\0\0\0", key) if key else next(iter(_current().items()))
    nonce = os.urandom(12)
    return kid + nonce + AESGCM(secret).encrypt(nonce, plain, context.encode())


def unseal(sealed: bytes | memoryview, *, context: str, key: bytes | None = None) -> bytes:
    """Return what was sealed for the same ``context``.

    :raises cryptography.exceptions.InvalidTag: altered, or moved here from another row
    """
    sealed = bytes(sealed)
    secret = key or _current()[sealed[:4]]
    return AESGCM(secret).decrypt(sealed[4:16], sealed[16:], context.encode())
