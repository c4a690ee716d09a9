"""Transaction serial numbers: drawn at random, kept as a keyed hash, never in clear."""

import secrets

from django.utils.crypto import salted_hmac

from config.wire import numbers


def draw() -> str:
    """Return a fresh TSN: 16 digits."""
    return numbers.tsn(secrets.token_bytes(numbers.RANDOM_BYTES))


def keyed_hash(tsn: str) -> bytes:
    """Return what of a TSN the database knows: 32 bytes."""
    return salted_hmac("paydesk transaction serial number", tsn, algorithm="sha256").digest()
