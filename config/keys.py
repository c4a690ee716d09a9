"""Signing keys behind a provider: files in development, a hardware module in production.

Only the public half is in the database (the trust list); the private one stays with the provider.
"""

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from config.models.keys import PLATFORM, PublicKey
from config.wire.keys import SigningKey, kid_of

LIFETIME = timedelta(days=5 * 365)


class KeyProvider(Protocol):
    """Where private keys live, looked up by name."""

    def create(self, *, name: str) -> bytes:
        """Make a P-256 key and return its public half (65 bytes, uncompressed)."""

    def signing_key(self, *, name: str) -> SigningKey:
        """Return what signs as ``name``."""


class KeyFiles:
    """Keys as PEM files of mode 0600 under the data directory: for development only."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or settings.DATA_DIR / "keys"

    def create(self, *, name: str) -> bytes:
        """Make the key, or return the public half of the one a crash left behind."""
        path = self._path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = SigningKey.generate()
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return self.signing_key(name=name).public
        with os.fdopen(handle, "wb") as file:
            file.write(key.to_pem())
            file.flush()
            os.fsync(file.fileno())
        return key.public

    def signing_key(self, *, name: str) -> SigningKey:
        return _loaded(self._path(name))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.pem"


@lru_cache(maxsize=256)
def _loaded(path: Path) -> SigningKey:
    return SigningKey.from_pem(path.read_bytes())


def provider() -> KeyProvider:
    """Return the provider named by the setting ``KEY_PROVIDER`` (a dotted path)."""
    made: KeyProvider = import_string(getattr(settings, "KEY_PROVIDER", "config.keys.KeyFiles"))()
    return made


@transaction.atomic
def roll(*, holder: str, at: datetime) -> PublicKey:
    """Give ``holder`` a new signing key from ``at`` on; older ones stay trusted to their end."""
    name = f"{holder}-{PublicKey.objects.filter(holder=holder).count() + 1}"
    public = provider().create(name=name)
    return PublicKey.objects.create(
        holder=holder,
        name=name,
        kid=kid_of(public),
        public_key=public,
        active_from=at,
        active_until=at + LIFETIME,
    )


def current(*, holder: str, at: datetime) -> PublicKey:
    """Return the newest key of ``holder`` in force, making the first one of the platform."""
    key = (
        PublicKey.objects.filter(holder=holder, active_from__lte=at, active_until__gt=at)
        .order_by("-active_from", "-id")
        .first()
    )
    if key is None:
        assert holder == PLATFORM, f"{holder} has no signing key"
        return roll(holder=holder, at=at)
    return key


def signer(*, holder: str, at: datetime) -> SigningKey:
    """Return what signs as ``holder`` now."""
    return provider().signing_key(name=current(holder=holder, at=at).name)


def signer_known(*, holder: str, kid: bytes | None, at: datetime) -> SigningKey:
    """Return what signs as ``holder`` for somebody who knows the key ``kid`` and perhaps no newer.

    A key that has not begun, has ended or is not the holder's is not asked: the current one signs.
    """
    known = PublicKey.objects.filter(
        holder=holder, kid=kid, active_from__lte=at, active_until__gt=at
    ).first()
    name = known.name if known is not None else current(holder=holder, at=at).name
    return provider().signing_key(name=name)


def trusted(*, holder: str, at: datetime) -> Sequence[PublicKey]:
    """Return every key of ``holder`` a verifier should accept at ``at``, newest first."""
    return list(
        PublicKey.objects.filter(holder=holder, active_until__gt=at).order_by("-active_from", "-id")
    )
