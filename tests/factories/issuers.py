"""Issuers, programmes, cards and credentials, made as the services make them."""

from datetime import UTC, datetime

from config import references
from config.audit import SYSTEM
from config.models import Device
from config.wire.keys import SigningKey
from issuers.models import Credential
from issuers.services import cards, credentials, issuers, programmes

OPENED = datetime(2026, 11, 1, tzinfo=UTC)
HOLDER = "CUS-HOLDER0001"


def issuer(*, name="Han River Card", at=OPENED):
    """Return an issuer with a signing key."""
    return issuers.add(name=name, at=at, actor=SYSTEM)


def programme(*, of=None, kind="DEBIT", currency="KRW", caps=None, at=OPENED, **terms):
    """Return a programme with offline limits, of an issuer of its own unless ``of`` is given."""
    return programmes.add(
        issuer=of or issuer(at=at),
        name="Everyday",
        kind=kind,
        currency=currency,
        caps=caps,
        at=at,
        actor=SYSTEM,
        **terms,
    )


def card(*, of=None, holder=HOLDER, balance_minor=1_000_000, limit_minor=0, at=OPENED):
    """Return a card of programme ``of`` with a balance, no ledger behind it."""
    return cards.issue(
        programme=of or programme(at=at),
        holder=holder,
        balance_minor=balance_minor,
        limit_minor=limit_minor,
        at=at,
        actor=SYSTEM,
    )


def phone(*, owner=HOLDER, kind="PHONE", key=None, at=OPENED):
    """Return a bare device row that belongs to ``owner``, and its key."""
    key = key or SigningKey.generate()
    device = Device.objects.create(
        reference=references.new(kind[:3]),
        kind=kind,
        name=f"{kind.title()} 1",
        owner=owner,
        public_key=key.public,
        enrolled_at=at,
    )
    return device, key


def credential(*, of=None, device=None, key=None, at=OPENED) -> Credential:
    """Return the credential of a card on a phone of its holder."""
    of = of or card(at=at)
    device = device or phone(owner=of.account.holder)[0]
    key = key or SigningKey.generate()
    return credentials.issue(card=of, device=device, public_key=key.public, at=at)
