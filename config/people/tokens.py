"""One-time tokens: 256 random bits for a link, of which we keep only the hash."""

import hashlib
import secrets

from config.wire import b64

PREFIX = "once_"


def new() -> tuple[str, bytes]:
    """Return a token for a link and the hash to keep (128 bits would do, ASVS 11.5.1).

    The prefix tells ``config.logs`` what to strike from the paths it writes down.
    """
    token = PREFIX + b64.encode(secrets.token_bytes(32))
    return token, hash_of(token)


def hash_of(token: str) -> bytes:
    """Return what is kept of a token; one of 256 random bits needs neither salt nor slow hash."""
    return hashlib.sha256(token.encode()).digest()
