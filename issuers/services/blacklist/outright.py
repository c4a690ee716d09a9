"""Block or unblock and publish at once: what a page, a command and a rule of settlement call."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.audit import Actor
from issuers.models import BlacklistEntry, Card, OtaCommand
from issuers.selectors.carried import carried_in
from issuers.services import commands
from issuers.services.blacklist import listing, publication
from issuers.services.blacklist.listing import Blocked


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A block or unblock that went out, and the list version that carries it."""

    entry: BlacklistEntry
    commands: list[OtaCommand]
    version: int

    def answer(self) -> dict[str, Any]:
        """Return ``{card, issuer, version, command}`` of protocol §9; no phone, no command."""
        first = self.commands[0] if self.commands else None
        return {
            "card": self.entry.card.reference,
            "issuer": self.entry.issuer.reference,
            "version": self.version,
            "command": first and commands.answer_of(first),
        }


def block_and_publish(
    *, card: Card, reason: str, at: datetime, actor: Actor, note: str = ""
) -> Outcome:
    """List ``card``, then publish at once, in two transactions.

    A crash between the two loses nothing: the numbers wait for the task that publishes.

    :raises ReasonUnknown: ``reason`` is none of ``BlacklistEntry.Reason``
    :raises CardBlockedAlready: it is blocked
    :raises CardClosed: it is closed
    """
    done = listing.block(card=card, reason=reason, note=note, at=at, actor=actor)
    return _publish(done, at)


def unblock_and_publish(*, card: Card, at: datetime, actor: Actor, reason: str = "") -> Outcome:
    """Lift ``card``, then publish at once, as :func:`block_and_publish` does.

    :raises CardNotBlocked: it is not blocked
    :raises CardClosed: it is closed
    """
    done = listing.unblock(card=card, at=at, actor=actor, reason=reason)
    return _publish(done, at)


def _publish(done: Blocked, at: datetime) -> Outcome:
    publication.publish(issuer=done.entry.issuer, at=at)
    return Outcome(
        entry=done.entry, commands=done.commands, version=carried_in(card=done.entry.card)
    )
