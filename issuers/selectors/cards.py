"""One card: found by its reference, and where it stands."""

from dataclasses import dataclass
from datetime import datetime

from config.refusals import NotFound
from config.wire import b64
from config.wire.errors import Malformed
from issuers.models import Card
from issuers.selectors.carried import carried_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A card's state, the list version with its newest change, and since when it is listed."""

    card: Card
    state: str
    version: int
    listed_since: datetime | None


def card_of(*, reference: str) -> Card:
    """Return the card named by ``reference`` (base64url of its token), whoever's it is.

    :raises NotFound: no such card
    """
    try:
        token = b64.decode(reference)
    except Malformed:
        raise NotFound from None
    card = Card.objects.filter(token=token).select_related("issuer", "programme", "account").first()
    if card is None:
        raise NotFound
    return card


def status_of(*, card: Card) -> Status:
    """Return where ``card`` stands; the owner's own freeze is not the issuer's list."""
    entry = card.blacklist_entries.filter(lifted_at=None, scope="CARD").first()
    return Status(
        card=card,
        state=card.state,
        version=carried_in(card=card),
        listed_since=entry.listed_at if entry else None,
    )
