"""Cards: issued on an account of their own, frozen by their owner, closed for good."""

import secrets
from datetime import datetime

from django.db import transaction

from config import audit, references
from config.audit import Actor
from config.refusals import Refused
from config.wire import b64
from issuers.models import Account, BlacklistEntry, Card, OtaCommand, Programme
from issuers.services import commands
from issuers.services.blacklist import listing
from issuers.services.blacklist.listing import CardClosed


class OpeningInvalid(Refused):
    code = "opening_invalid"
    title = "A card cannot begin with this balance or limit"


@transaction.atomic
def issue(
    *,
    programme: Programme,
    holder: str,
    at: datetime,
    actor: Actor,
    balance_minor: int = 0,
    limit_minor: int = 0,
) -> Card:
    """Open an account for ``holder`` (the customer's reference) and issue a card on it.

    ``balance_minor`` is the holder's own money, ``limit_minor`` what the issuer lends (CREDIT
    only); both in minor units. No number of any real card enters: the token is 16 random bytes,
    the last four digits are drawn.

    :raises OpeningInvalid: an amount below 0, or a limit on a card that lends nothing
    """
    lends = programme.kind == Programme.Kind.CREDIT
    if balance_minor < 0 or limit_minor < 0 or (limit_minor and not lends):
        raise OpeningInvalid
    account = Account.objects.create(
        reference=references.new("ACC"),
        programme=programme,
        holder=holder,
        currency=programme.currency,
        limit_minor=limit_minor,
        balance_minor=balance_minor,
        opened_at=at,
    )
    card = Card.objects.create(
        token=_token(),
        issuer=programme.issuer,
        programme=programme,
        account=account,
        last4=f"{secrets.randbelow(10_000):04d}",
        issued_at=at,
    )
    after = {"holder": holder, "programme": programme.reference, "balance_minor": balance_minor}
    _record(card, action="card.issue", at=at, actor=actor, after=after)
    return card


def _token() -> bytes:
    """Return 16 random bytes whose base64url, the card's name, no shell takes for an option."""
    while b64.encode(token := secrets.token_bytes(16)).startswith("-"):
        pass
    return token


@transaction.atomic
def freeze(*, card: Card, at: datetime, actor: Actor) -> Card:
    """Stop ``card`` at its owner's wish; a card frozen before stays frozen from then on.

    :raises CardClosed: the card is closed
    """
    held = _lock(card)
    if held.frozen_by_owner_at is None:
        held.frozen_by_owner_at = at
        held.save(update_fields=["frozen_by_owner_at"])
        _record(held, action="card.freeze", at=at, actor=actor)
    return held


@transaction.atomic
def unfreeze(*, card: Card, at: datetime, actor: Actor) -> Card:
    """End the owner's own freeze; an issuer's block stays as it is (protocol §3.1).

    :raises CardClosed: the card is closed
    """
    held = _lock(card)
    if held.frozen_by_owner_at is not None:
        held.frozen_by_owner_at = None
        held.save(update_fields=["frozen_by_owner_at"])
        _record(held, action="card.unfreeze", at=at, actor=actor)
    return held


@transaction.atomic
def close(*, card: Card, at: datetime, actor: Actor, reason: str = "") -> Card:
    """Close ``card`` for good: its list numbers are listed, its phones are told to wipe it.

    The account stays open, for records of the card may still arrive.

    :raises CardClosed: it is closed
    """
    held = _lock(card)
    entry = held.blacklist_entries.filter(lifted_at=None).first() or listing.open_entry(
        card=held, reason=BlacklistEntry.Reason.CLOSED, note=reason, at=at, actor=actor
    )
    held.transition(Card.State.CLOSED)
    commands.queue(card=held, action=OtaCommand.Action.WIPE, at=at, entry=entry)
    _record(held, action="card.close", at=at, actor=actor, reason=reason)
    return held


def _lock(card: Card) -> Card:
    held = Card.objects.select_for_update(no_key=True, of=("self",)).get(pk=card.pk)
    if held.state == Card.State.CLOSED:
        raise CardClosed
    return held


def _record(
    card: Card,
    *,
    action: str,
    at: datetime,
    actor: Actor,
    reason: str = "",
    after: dict[str, object] | None = None,
) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_kind="card",
        subject=card.reference,
        tenant=card.issuer.reference,
        at=at,
        reason=reason,
        after=after,
    )
