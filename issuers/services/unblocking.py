"""Many cards off the list at once: asked for by one person, agreed to by another, done as a job.

One insider alone never frees more than one card at a time. The second person agrees to exactly the
cards that were asked for: the hash of the list is shown, and what was agreed to must bear it.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config import audit, jobs, references
from config.audit import Actor
from config.models import Job, User
from config.people import proofs, second_person
from config.refusals import Refused
from config.roles import TenantKind
from issuers.models import BlacklistEntry, Card, Issuer, UnblockRequest
from issuers.services import blacklist, card_files

KIND: Final = "blacklist_unblock"
COLUMNS: Final = ("card",)
CHUNK: Final = 100
_NAMED_MAX: Final = 20  # lines that a refusal names
_State = UnblockRequest.State


class CardsNotBlocked(Refused):
    """Nothing is asked for half: every card of the file is blocked, and this issuer's."""

    code = "cards_not_blocked"
    title = "Some lines name no blocked card of this issuer"


class BlockedAnew(Refused):
    """It was taken off in between and blocked again, perhaps as stolen."""

    code = "blocked_anew"
    status = 409
    title = "The card was blocked again after this was asked for"


class ListChanged(Refused):
    code = "list_changed"
    status = 409
    title = "This is not the list that was asked for"


@transaction.atomic
def request(
    *, issuer: Issuer, source: bytes, reason: str, at: datetime, actor: Actor
) -> UnblockRequest:
    """Ask to take the cards of ``source`` off the list: CSV in UTF-8, first line ``card``.

    :raises FileMalformed: no such header, no rows, or not UTF-8
    :raises FileTooLarge: more than 4 MiB
    :raises CardsNotBlocked: a line names another card than a blocked one of ``issuer``
    """
    card_files.check_size(source=source)
    rows = card_files.rows_of(source=source, columns=COLUMNS)
    cards = card_files.cards_of(rows=rows, tenant=issuer.reference)
    wrong = [
        row.line
        for row in rows
        if row.card not in cards or cards[row.card].state != Card.State.BLOCKED
    ]
    if wrong:
        raise CardsNotBlocked(_lines(wrong))
    named = sorted(cards.values(), key=lambda card: card.pk)
    made = UnblockRequest.objects.create(
        reference=references.new("UBR"),
        issuer=issuer,
        cards=[card.pk for card in named],
        list_hash=hash_of(cards=named),
        reason=reason,
        requested_by=actor.name,
        requested_at=at,
    )
    _record(made, action="unblock_request.make", at=at, actor=actor, reason=reason)
    return made


def hash_of(*, cards: Sequence[Card]) -> bytes:
    """Return the SHA-256 of the cards' 16-byte tokens, in the order given."""
    return hashlib.sha256(b"".join(bytes(card.token) for card in cards)).digest()


def agree(
    *,
    asked: UnblockRequest,
    list_hash: str,
    person: User,
    code: str,
    at: datetime,
    actor: Actor,
) -> Job:
    """Agree to a request as ``person`` and queue its job.

    ``list_hash``: hexadecimal, of the list the person was shown. ``code``: the second factor, shown
    now; it is taken outside the transaction, for a wrong one counts whatever becomes of the rest.

    :raises SamePerson: who asked for it cannot agree to it
    :raises NotIndependent: one of the two invited the other, or the same person both, at any remove
    :raises ListChanged: the person was shown another list
    :raises WrongCode: the second factor is not right
    :raises TooManyTries: after wrong codes
    :raises InvalidTransition: it was decided on before
    """
    tenant = asked.issuer.reference
    second_person.require(
        maker=asked.requested_by, person=person, kind=TenantKind.ISSUER, tenant=tenant
    )
    if bytes(asked.list_hash).hex() != list_hash:
        raise ListChanged
    proofs.prove(user=person, code=code, actor=actor, at=at)
    return _queue(asked, at, actor)


@transaction.atomic
def _queue(asked: UnblockRequest, at: datetime, actor: Actor) -> Job:
    job = jobs.queue(
        kind=KIND,
        tenant=asked.issuer.reference,
        total=len(asked.cards),
        arguments={"request": asked.reference},
        actor=actor,
        at=at,
    )
    asked.transition(_State.AGREED, decided_by=actor.name, decided_at=at, job=job)
    _record(asked, action="unblock_request.agree", at=at, actor=actor)
    return job


@transaction.atomic
def refuse(*, asked: UnblockRequest, reason: str, at: datetime, actor: Actor) -> None:
    """Refuse a request; who made it withdraws it that way.

    :raises InvalidTransition: it was decided on before
    """
    own = actor.name == asked.requested_by
    to = _State.WITHDRAWN if own else _State.REFUSED
    asked.transition(to, decided_by=actor.name, decided_at=at)
    action = "unblock_request.withdraw" if own else "unblock_request.refuse"
    _record(asked, action=action, at=at, actor=actor, reason=reason)


@transaction.atomic
def run_chunk(*, job: str, at: datetime) -> bool:
    """Unblock the next cards of ``job`` (its reference); return whether there is more to do.

    A chunk and the job's progress commit together. A job another worker has in hand is left to it.
    """
    held = jobs.take(job=job, kind=KIND, at=at)
    if held is None:
        return False
    asked = UnblockRequest.objects.get(reference=held.arguments["request"])
    ids = list(islice(asked.cards, held.finished, held.finished + CHUNK))
    errors = _unblock(held, asked, ids, at)
    return jobs.note_progress(job=held, done=len(ids), errors=errors, at=at)


def _unblock(
    job: Job, asked: UnblockRequest, ids: Sequence[int], at: datetime
) -> list[dict[str, Any]]:
    actor = jobs.actor_of(job=job)
    errors = []
    found = Card.objects.filter(pk__in=ids).select_related("issuer").order_by("pk")
    anew = _blocked_since(asked, ids)
    for line, card in enumerate(found, start=job.finished + 1):
        if card.pk in anew:
            errors.append(_error(line, BlockedAnew()))
            continue
        try:
            blacklist.unblock(card=card, at=at, actor=actor, reason=asked.reason)
        except (blacklist.CardNotBlocked, blacklist.CardClosed) as refusal:
            errors.append(_error(line, refusal))
    return errors


def _error(line: int, refusal: Refused) -> dict[str, Any]:
    return {"row": line, "column": "card", "code": refusal.code, "message": refusal.detail}


def _blocked_since(asked: UnblockRequest, ids: Sequence[int]) -> set[int]:
    """Return which cards are on the list for what nobody had in mind who asked, or who agreed."""
    scope = BlacklistEntry.Scope.CARD
    entries = BlacklistEntry.objects.filter(card__in=ids, scope=scope, lifted_at=None)
    since = entries.filter(listed_at__gt=asked.requested_at)
    return set(since.values_list("card_id", flat=True))


def _lines(wrong: Sequence[int]) -> str:
    named = ", ".join(map(str, wrong[:_NAMED_MAX]))
    more = len(wrong) - _NAMED_MAX
    told = ngettext("Line %(lines)s.", "Lines %(lines)s.", len(wrong)) % {"lines": named}
    return told if more <= 0 else _("%(told)s And %(more)s more.") % {"told": told, "more": more}


def _record(
    asked: UnblockRequest, *, action: str, at: datetime, actor: Actor, reason: str = ""
) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_kind="unblock_request",
        subject=asked.reference,
        tenant=asked.issuer.reference,
        at=at,
        reason=reason,
        after={"cards": len(asked.cards), "list_hash": bytes(asked.list_hash).hex()},
    )
