"""References: the opaque ids the outside sees, the same in API, certificates and commands."""

import secrets

from config.wire import base32


def new(prefix: str) -> str:
    """Return a fresh reference: the prefix and 50 random bits in base32 (``RDR-7K2M9Q0V4C``)."""
    return f"{prefix}-{base32.encode(secrets.randbits(50), digits=10)}"
