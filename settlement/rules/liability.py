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
    is measured against the portal's log of what it fetched: an older claim is a rollback.
    """
    taken = genuine.taken
    listing = _listing_at(
        history.listings.get(genuine.card.card_id, ()), min(genuine.record.at, taken.arrived_at)
    )
    if listing is None:
        return CARDHOLDER
    held = (taken.reader.device_id, genuine.card.issuer_id, genuine.record.at)
    if taken.claimed_version < history.fetched.get(held, 0):
        return LIST_ROLLBACK
    added, removed = listing.versions.get(genuine.credential.list_number, (None, None))
    if added is None or taken.claimed_version < added:
        return EXPOSURE_WINDOW
    if removed is not None and taken.claimed_version >= removed:
        return EXPOSURE_WINDOW
    return READER_HELD_ENTRY


def _listing_at(listings: Sequence[Listing], at: int) -> Listing | None:
    for listing in listings:
        if listing.listed_at <= at and (listing.lifted_at is None or at < listing.lifted_at):
            return listing
    return None
