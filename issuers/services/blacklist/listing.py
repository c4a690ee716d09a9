"""Listing a card and lifting it: one transaction that locks the card's row and no other."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from config import audit
from config.audit import Actor
from config.models import Device
from config.pipeline import Statement
from config.refusals import Refused
from issuers.models import BlacklistEntry, Card, ListedNumber, OtaCommand
from issuers.services import commands

Scope = BlacklistEntry.Scope


class CardNotActive(Refused):
    """Only an active card is blocked: it is listed already, or closed for good."""

    code = "card_not_active"
    status = 409
    title = "The card is not active"


class CardBlockedAlready(CardNotActive):
    code = "card_blocked_already"
    title = "The card is blocked already"


class CardNotBlocked(Refused):
    code = "card_not_blocked"
    status = 409
    title = "The card is not blocked"


class CardClosed(CardNotActive):
    code = "card_closed"
    title = "The card is closed"


class ReasonUnknown(Refused):
    code = "reason_unknown"
    title = "Unknown blacklist reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """What a block or an unblock wrote: the card's entry, and a command per phone with the card."""

    entry: BlacklistEntry
    commands: list[OtaCommand]


@transaction.atomic
def block(*, card: Card, reason: str, at: datetime, actor: Actor, note: str = "") -> Blocked:
    """List ``card`` and queue the command that freezes it on its phones.

    Its list numbers wait for the next version, which :func:`publish` makes. Only the card's row is
    locked: payments read it again, nothing else has to be told.

    :raises ReasonUnknown: ``reason`` is none of ``BlacklistEntry.Reason``
    :raises CardBlockedAlready: it is blocked
    :raises CardClosed: it is closed
    """
    if reason not in BlacklistEntry.Reason.values:
        raise ReasonUnknown(f"{reason!r} is none of {', '.join(BlacklistEntry.Reason.values)}.")
    held = lock(card=card)
    if held.state == Card.State.BLOCKED:
        raise CardBlockedAlready
    held.transition(Card.State.BLOCKED)
    entry = open_entry(card=held, reason=reason, note=note, at=at, actor=actor)
    queued = commands.queue(card=held, action=OtaCommand.Action.BLOCK, at=at, entry=entry)
    _record(held, action="blacklist.block", at=at, actor=actor, entry=entry)
    return Blocked(entry=entry, commands=queued)


@transaction.atomic
def unblock(*, card: Card, at: datetime, actor: Actor, reason: str = "") -> Blocked:
    """Lift ``card`` off the list and queue the command that makes it usable again on its phones.

    Numbers that no reader was ever given vanish; the others leave with the next version. While the
    owner's own freeze stays, so do the numbers and the marks on the phones.

    :raises CardNotBlocked: it is not blocked
    :raises CardClosed: it is closed
    """
    held = lock(card=card)
    if held.state != Card.State.BLOCKED:
        raise CardNotBlocked
    held.transition(Card.State.ACTIVE)
    entry = held.blacklist_entries.get(scope=Scope.CARD, lifted_at=None)
    queued = lift(card=held, entry=entry, at=at, actor=actor)
    _record(held, action="blacklist.unblock", at=at, actor=actor, entry=entry, reason=reason)
    return Blocked(entry=entry, commands=queued)


def open_entry(
    *,
    card: Card,
    reason: str,
    note: str,
    at: datetime,
    actor: Actor,
    scope: str = Scope.CARD,
    device: Device | None = None,
) -> BlacklistEntry:
    """Begin the time on the list of a card whose row the caller has locked.

    ``device``, of scope PHONE alone: only what that phone holds is listed.
    """
    entry = BlacklistEntry.objects.create(
        card=card,
        scope=scope,
        device=device,
        issuer=card.issuer,
        reason=reason,
        note=note,
        listed_by=actor.name,
        listed_at=at,
    )
    list_numbers(entry=entry, at=at)
    return entry


def open_of(*, card: Card) -> BlacklistEntry | None:
    """Return the listing that stops ``card`` on every phone: the issuer's, else its owner's."""
    whole = card.blacklist_entries.filter(lifted_at=None, device=None)
    return whole.order_by("scope").first()  # CARD before OWNER


def lift(*, card: Card, entry: BlacklistEntry, at: datetime, actor: Actor) -> list[OtaCommand]:
    """End ``entry`` of a locked card; return the commands that free it on its phones.

    None are queued while another listing stops the card: that one takes the numbers over.
    """
    entry.lifted_at, entry.lifted_by = at, actor.name
    entry.save(update_fields=["lifted_at", "lifted_by"])
    other = open_of(card=card)
    if other is not None:
        list_numbers(entry=other, at=at)
        return []
    # In this order: what a publication numbers between the two statements is still found.
    ListedNumber.objects.filter(entry=entry, added_in=None).delete()
    ListedNumber.objects.filter(entry=entry, removed_in=None).update(leaving=True)
    return commands.queue(card=card, action=OtaCommand.Action.UNBLOCK, at=at, entry=entry)


def list_numbers(*, entry: BlacklistEntry, at: datetime) -> None:
    """Put the list numbers of the entry's card on the list whose certificates live at ``at``.

    Of an entry of one phone only that phone's, which it takes over and never gives back: they stay
    until their certificates end, whoever unblocks the card. A number that was about to leave
    simply stays, so no reader ever sees it go. The caller has locked the card's row.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO issuers_listednumber AS n
                   (issuer_id, entry_id, list_number, leaves_at, leaving)
            SELECT issuer_id, %(entry)s, list_number, expires_at, FALSE FROM issuers_credential
             WHERE card_id = %(card)s AND expires_at > %(at)s
               AND (%(device)s::bigint IS NULL OR device_id = %(device)s) ORDER BY list_number
            ON CONFLICT (issuer_id, list_number) WHERE removed_in IS NULL
            DO UPDATE SET entry_id = excluded.entry_id, leaving = FALSE
             WHERE NOT EXISTS (SELECT 1 FROM issuers_blacklistentry e
                                WHERE e.id = n.entry_id AND e.device_id IS NOT NULL)
            """,
            {"entry": entry.pk, "card": entry.card_id, "device": entry.device_id, "at": at},
        )


def is_listed(*, issuer_id: int, number: int) -> Statement:
    """Return the statement whose one row says whether a list number is on the issuer's list, or
    about to be.
    """
    return Statement(_IS_LISTED, [issuer_id, number])


_IS_LISTED: Final = """
SELECT EXISTS (SELECT FROM issuers_listednumber
                WHERE issuer_id = %s AND list_number = %s AND removed_in IS NULL AND NOT leaving)
"""


def lock(*, card: Card) -> Card:
    """Lock the card's row and return it with its issuer.

    :raises CardClosed: it is closed
    """
    held = (
        Card.objects.select_for_update(no_key=True, of=("self",))
        .select_related("issuer")
        .get(pk=card.pk)
    )
    if held.state == Card.State.CLOSED:
        raise CardClosed
    return held


def _record(
    card: Card,
    *,
    action: str,
    at: datetime,
    actor: Actor,
    entry: BlacklistEntry,
    reason: str = "",
) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_kind="card",
        subject=card.reference,
        tenant=card.issuer.reference,
        at=at,
        reason=reason or entry.note,
        after={"state": card.state, "reason": entry.reason, "ota_version": card.ota_version},
    )
