"""API keys for servers: shown once, kept as a hash, scoped to one tenant (protocol §3)."""

import hashlib
import secrets
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from config import audit
from config.audit import Actor
from merchants.models import ApiKey, Merchant


class KeyHolder(NamedTuple):
    """Whose key a token is: exactly one of the two references is set."""

    key_id: int
    merchant_reference: str
    issuer_reference: str


@transaction.atomic
def make(*, merchant: Merchant, name: str, actor: Actor, at: datetime) -> str:
    """Make a key for ``merchant`` and return it in clear, this once."""
    token = f"pdk_{secrets.token_urlsafe(32)}"
    ApiKey.objects.create(
        key_hash=_hash(token), prefix=token[:10], merchant=merchant, name=name, created_at=at
    )
    audit.record(
        actor=actor,
        action="api_key.make",
        subject_kind="api_key",
        subject=token[:10],
        tenant=merchant.reference,
        at=at,
    )
    return token


@transaction.atomic
def revoke(*, key: ApiKey, actor: Actor, at: datetime) -> ApiKey:
    """End a key; revoking one twice changes nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=at):
        audit.record(
            actor=actor,
            action="api_key.revoke",
            subject_kind="api_key",
            subject=key.prefix,
            tenant=key.merchant.reference if key.merchant else key.issuer,
            at=at,
        )
    key.refresh_from_db()
    return key


def look_up(*, token: str) -> KeyHolder | None:
    """Return whose live key ``token`` is; a suspended merchant's key is nobody's."""
    key = (
        ApiKey.objects.select_related("merchant")
        .filter(key_hash=_hash(token), revoked_at=None)
        .first()
    )
    if key is None or (key.merchant and key.merchant.state != Merchant.State.ACTIVE):
        return None
    return KeyHolder(key.pk, key.merchant.reference if key.merchant else "", key.issuer)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
