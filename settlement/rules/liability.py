"""Who bears an offline sale (protocol §5): decided by the list its reader held at the tap."""

from collections.abc import Sequence

from settlement.rules.facts import (
    CARDHOLDER,
    EXPOSURE_WINDOW,
    LIST_ROLLBACK,
    READER_HELD_ENTRY,
    Genuine,
    History,
    Liability,
    Listing,
)


def of(genuine: Genuine, history: History) -> Liability:
    """
    Return who bears a sale; without a listing at the time of the tap the cardholder does.

    The reader's own clock counts no further than the batch's arrival. What it claims to have held
    is measured against the portal's log of what it fetched: an older claim is a rollback, and a
    newer one does not undo that the list it was given carried the entry.
    """
    taken = genuine.taken
    listing = _listing_at(
        history.listings.get(genuine.card.card_id, ()), min(genuine.record.at, taken.arrived_at)
    )
    if listing is None:
        return CARDHOLDER
    held = (taken.reader.device_id, genuine.card.issuer_id, genuine.record.at)
    claimed, given = taken.claimed_version, history.fetched.get(held, 0)
    if claimed < given:
        return LIST_ROLLBACK
    number = genuine.credential.list_number
    if any(
        _holds(each, number, version)
        for each in history.listings[genuine.card.card_id]
        for version in (given, claimed)
    ):
        return READER_HELD_ENTRY
    return EXPOSURE_WINDOW


def _holds(listing: Listing, number: int, version: int) -> bool:
    """Return whether a list of ``version`` carried ``number`` because of this listing.

    Any listing of the card will do: a card listed again before its numbers left keeps them there.
    """
    added, removed = listing.versions.get(number, (None, None))
    return added is not None and added <= version and (removed is None or version < removed)


def _listing_at(listings: Sequence[Listing], at: int) -> Listing | None:
    for listing in listings:
        if listing.listed_at <= at and (listing.lifted_at is None or at < listing.lifted_at):
            return listing
    return None
