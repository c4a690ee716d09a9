"""Who bears an offline sale (protocol §5): decided by the list its reader held at the tap.

A reader's clock proves nothing by itself. A tap's time counts only where the portal's own records
allow it (``docs/decisions/0011-the-time-that-counts.md``); a reader that fetches a newer list and
uploads older records afterwards loses nothing by it.
"""

from typing import Final

from settlement.rules.facts import (
    CARDHOLDER,
    EXPOSURE_WINDOW,
    LIST_ROLLBACK,
    READER_HELD_ENTRY,
    TAMPERING,
    Counted,
    Genuine,
    History,
    Liability,
    Listing,
    Weighed,
)

_CLOCK_OFF_S: Final = 60  # with more, a reader's own requests are refused (protocol §3)
_ASKED_WITHIN_S: Final = 120  # that, 15 s for the tap and 6 s of asking (protocol §10), and some


def weigh(genuine: Genuine, history: History) -> Weighed:
    """
    Return who bears a sale and why; without a listing at the time that counts the cardholder does.

    What the reader claims to have held is measured against the portal's log of what it fetched: an
    older claim is a rollback, and a newer one does not undo that the list it was given carried the
    entry. The issuer bears what a phone paid that had applied the block, and must look into it.
    """
    taken, counted = genuine.taken, counted_at(genuine, history)
    in_force = _in_force(genuine, history, counted.at)
    if not in_force:
        return Weighed(CARDHOLDER, counted)
    held = (taken.reader.device_id, genuine.card.issuer_id, counted.at)
    given = history.fetched.get(held, 0)
    tampered = any(_tampered(genuine, listing, counted) for listing in in_force)
    borne = _borne(genuine, history, given)
    if borne is EXPOSURE_WINDOW and tampered:
        borne = TAMPERING
    return Weighed(borne, counted, in_force[0], given, tampered)


def counted_at(genuine: Genuine, history: History) -> Counted:
    """
    Return the time of the tap that counts: as recorded, within what the portal can prove.

    Not before the certificate was issued, the reader was first given the list it claims to have
    held, its batch before this one was made (it takes along all there is), or the reader was
    enrolled; and not after the batch arrived.
    """
    taken, at = genuine.taken, genuine.record.at
    if at > taken.arrived_at:
        return Counted(taken.arrived_at, "arrival")
    reader = taken.reader
    claimed = (reader.device_id, genuine.card.issuer_id, taken.claimed_version)
    issued, enrolled = genuine.credential.issued, reader.enrolled_at
    given = history.first_given.get(claimed, 0)
    emptied = history.emptied.get(taken.batch_id, 0)
    if at >= issued and at >= given and at >= emptied and at >= enrolled:
        return Counted(at, "")
    earliest, because = max(
        (issued, "certificate"), (given, "list"), (emptied, "batch"), (enrolled, "enrolment")
    )
    return Counted(min(earliest, taken.arrived_at), because)


def asked_at(genuine: Genuine) -> int:
    """Return the time of a tap brought online that counts, in epoch seconds.

    A reader asks while the phone is held to it, so the tap is not older than that before the
    question came; and not after it.
    """
    arrived_at = genuine.taken.arrived_at
    return min(max(genuine.record.at, arrived_at - _ASKED_WITHIN_S), arrived_at)


def _borne(genuine: Genuine, history: History, given: int) -> Liability:
    claimed = genuine.taken.claimed_version
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


def _tampered(genuine: Genuine, listing: Listing, counted: Counted) -> bool:
    """Return whether the phone had applied the block of this listing before it paid."""
    block = listing.blocks.get(genuine.credential.phone_id)
    if block is None:
        return False
    if genuine.record.ota_version >= block.version:
        return True
    return block.applied_at is not None and block.applied_at + _CLOCK_OFF_S < counted.at


def _holds(listing: Listing, number: int, version: int) -> bool:
    """Return whether a list of ``version`` carried ``number`` because of this listing.

    Any listing of the card will do: a card listed again before its numbers left keeps them there.
    """
    added, removed = listing.versions.get(number, (None, None))
    return added is not None and added <= version and (removed is None or version < removed)


def _in_force(genuine: Genuine, history: History, at: int) -> list[Listing]:
    return [
        listing
        for listing in history.listings.get(genuine.card.card_id, ())
        if (listing.phone_id is None or genuine.credential.list_number in listing.versions)
        and listing.listed_at <= at
        and (listing.lifted_at is None or at < listing.lifted_at)
    ]
