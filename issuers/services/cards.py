"""Cards: issued on an account of their own, frozen by their owner, closed for good."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from config import audit, references
from config.audit import Actor
from config.refusals import Refused
from config.wire import b64
from config.wire.schema import AMOUNT_MAX
from issuers.models import Account, BlacklistEntry, Card, Credential, OtaCommand, Programme
from issuers.services import certificate_requests, commands
from issuers.services.blacklist import listing

FREEZES_PER_HOUR: Final = 20
_AN_HOUR = timedelta(hours=1)


class TooManyFreezes(Refused):
    code = "too_many_freezes"
    status = 429
    title = "The card was frozen too often in the last hour"


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

    :raises OpeningInvalid: an amount below 0 or above any payment's, or a limit on a card that
        lends nothing
    """
    lends = programme.kind == Programme.Kind.CREDIT
    amounts = (balance_minor, limit_minor)
    if min(amounts) < 0 or max(amounts) > AMOUNT_MAX or (limit_minor and not lends):
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
    """Stop ``card`` at its owner's wish, everywhere; one frozen before stays so from then on.

    Online it is refused from now on; its numbers go on the list as the owner's wish, and each of
    its phones is told, so that one that got lost stops too.

    :raises CardClosed: the card is closed
    """
    held = listing.lock(card=card)
    if held.frozen_by_owner_at is None:
        held.frozen_by_owner_at = at
        held.save(update_fields=["frozen_by_owner_at"])
        _list_for_owner(held, at, actor)
        _record(held, action="card.freeze", at=at, actor=actor)
    return held


def _list_for_owner(card: Card, at: datetime, actor: Actor) -> None:
    blocked = listing.open_of(card=card)
    entry = listing.open_entry(
        card=card,
        reason=BlacklistEntry.Reason.CUSTOMER,
        note="",
        at=at,
        actor=actor,
        scope=BlacklistEntry.Scope.OWNER,
    )
    if blocked is None:
        commands.queue(card=card, action=OtaCommand.Action.BLOCK, at=at, entry=entry)
    else:
        listing.list_numbers(entry=blocked, at=at)  # the issuer's word stands in front


@transaction.atomic
def unfreeze(*, card: Card, at: datetime, actor: Actor) -> Card:
    """End the owner's own freeze; an issuer's block stays as it is (protocol §3.1).

    :raises CardClosed: the card is closed
    :raises TooManyFreezes: it was frozen ``FREEZES_PER_HOUR`` times; it stays so for a while
    """
    held = listing.lock(card=card)
    if held.frozen_by_owner_at is not None:
        _check_pace(held, at)
        held.frozen_by_owner_at = None
        held.save(update_fields=["frozen_by_owner_at"])
        entry = held.blacklist_entries.filter(
            lifted_at=None, scope=BlacklistEntry.Scope.OWNER
        ).first()
        if entry is not None:  # none: frozen before freezes were listed
            listing.lift(card=held, entry=entry, at=at, actor=actor)
        _record(held, action="card.unfreeze", at=at, actor=actor)
    return held


def _check_pace(card: Card, at: datetime) -> None:
    """Keep one phone from writing a new version of every reader's list every few seconds.

    What waits is the unfreezing: a card can be stopped at any time.
    """
    mine = card.blacklist_entries.filter(scope=BlacklistEntry.Scope.OWNER)
    frozen = mine.filter(listed_at__gt=at - _AN_HOUR).order_by("-listed_at")
    times = list(frozen.values_list("listed_at", flat=True)[:FREEZES_PER_HOUR])
    if len(times) >= FREEZES_PER_HOUR:
        left = times[-1] + _AN_HOUR - at
        raise TooManyFreezes(retry_after_s=max(1, -(-left // timedelta(seconds=1))))


@transaction.atomic
def close(*, card: Card, at: datetime, actor: Actor, reason: str = "") -> Card:
    """Close ``card`` for good: its list numbers are listed, its phones are told to wipe it.

    Its credentials end, and with them what phones asked for. The account stays open, for records
    of the card may still arrive.

    :raises CardClosed: it is closed
    """
    held = listing.lock(card=card)
    scope = BlacklistEntry.Scope.CARD
    entry = held.blacklist_entries.filter(lifted_at=None, scope=scope).first()
    entry = entry or listing.open_entry(
        card=held, reason=BlacklistEntry.Reason.CLOSED, note=reason, at=at, actor=actor
    )
    held.transition(Card.State.CLOSED)
    commands.queue(card=held, action=OtaCommand.Action.WIPE, at=at, entry=entry)
    held.credentials.filter(state=Credential.State.ACTIVE).update(
        state=Credential.State.RETIRED, withdrawn_at=at
    )
    certificate_requests.withdraw(card=held)
    _record(held, action="card.close", at=at, actor=actor, reason=reason)
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
