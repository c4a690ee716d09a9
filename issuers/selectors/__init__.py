"""What may be read of issuers, cards and blacklists."""

from issuers.selectors.cards import Status, card_of, status_of
from issuers.selectors.entries import with_reach
from issuers.selectors.visible import (
    authorisations_visible_to,
    blacklist_visible_to,
    cards_visible_to,
    issuers_visible_to,
    programmes_visible_to,
)

__all__ = [
    "Status",
    "authorisations_visible_to",
    "blacklist_visible_to",
    "card_of",
    "cards_visible_to",
    "issuers_visible_to",
    "programmes_visible_to",
    "status_of",
    "with_reach",
]
