"""What must hold after any run, whatever went wrong in it: pure checks over the evidence.

I1, I2, I3, I5 and I8 are the invariants of the fault model (``docs/simulator.md``); 1.02 and 1.13
are lines of the mission's checklist. Each check yields one line per violation.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from settlement.simulation.evidence import Evidence, Posted
from settlement.simulation.journal import Entry

type Record = tuple[str, int]  # certificate serial, ATC

_HISTORIES: Final = {
    "APPROVED": ("payment.approved",),
    "REVERSED": ("payment.approved", "payment.reversed"),
}


def violations(evidence: Evidence) -> list[str]:
    """Return every violation found, an empty list when all invariants hold."""
    return [line for check in _CHECKS for line in check(evidence)]


def _books(evidence: Evidence) -> Iterator[str]:
    for line in evidence.books:
        yield f"I1/I8: {line}"


def _posted_once(evidence: Evidence) -> Iterator[str]:
    """Every approval a reader stored and the portal acknowledged is in the books exactly once."""
    entries = [entry for log in evidence.readers.values() for entry in log]
    approved = _records(entry for entry in entries if _is_approval(entry))
    harmed = _records(entry for entry in entries if entry["op"] == "fault")
    results = _results(entries)
    counted = Counter((each.serial, each.atc) for each in evidence.payments)
    posted = {(each.serial, each.atc): each for each in evidence.payments}
    voided = {
        (entry["serial"], entry["voids"])
        for record, entry in approved.items()
        if entry["voids"] is not None and results.get(record) == "POSTED"
    }
    for record, entry in approved.items():
        yield from _of_approval(entry, results.get(record), harmed=record in harmed)
        if entry["voids"] is None and record not in harmed and results.get(record) == "POSTED":
            yield from _of_payment(
                record, entry, counted[record], posted, reversed_=record in voided
            )
    for record in posted:
        if record not in approved or record in harmed:
            yield f"I2: {_name(record)} was posted, though no reader approved it as it stands"


def _of_approval(entry: Entry, result: str | None, *, harmed: bool) -> Iterator[str]:
    record = (entry["serial"], entry["atc"])
    expected = "REJECTED" if harmed else "POSTED"
    if result != expected:
        yield f"I2: {_name(record)} was approved, its result is {result}, not {expected}"


def _of_payment(
    record: Record, entry: Entry, count: int, posted: dict[Record, Posted], *, reversed_: bool
) -> Iterator[str]:
    if count != 1:
        yield f"I2: {_name(record)} was acknowledged and is in the books {count} times"
        return
    payment, amount_minor = posted[record], entry["amount_minor"]
    paid_minor = 0 if reversed_ else amount_minor
    state = "REVERSED" if reversed_ else "APPROVED"
    told = (payment.amount_minor, payment.paid_minor, payment.state)
    if told != (amount_minor, paid_minor, state):
        yield f"I2: {_name(record)} is in the books as {told}, approved were {amount_minor}"


def _same_answers(evidence: Evidence) -> Iterator[str]:
    if evidence.changed_answers:
        yield f"I2: {evidence.changed_answers} batches sent again had another result"


def _versions_rise(evidence: Evidence) -> Iterator[str]:
    """List versions only rise, at the issuer and at each reader, and no reader ends behind."""
    if not _rises(evidence.published, strictly=True):
        yield f"I3: the issuer's versions are {evidence.published}"
    for device, log in evidence.readers.items():
        held = [entry["held"].get(evidence.issuer, 0) for entry in log if "held" in entry]
        if not _rises(held) or not _rises(evidence.downloads[device]):
            yield f"I3: {device} held {held} and fetched {evidence.downloads[device]}"
        if not held or held[-1] < evidence.newest_listed:
            yield f"I3: {device} ends with {held[-1:]}, listed was {evidence.newest_listed}"


def _final_states(evidence: Evidence) -> Iterator[str]:
    for payment in evidence.payments:
        if _HISTORIES.get(payment.state) != payment.history:
            record = (payment.serial, payment.atc)
            yield f"I5: {_name(record)} is {payment.state} after {payment.history}"


def _frozen_cards_keep_silent(evidence: Evidence) -> Iterator[str]:
    """A card its phone knows as frozen opens no connection: none in any reader's own log."""
    contacts = {
        entry["tap"]
        for log in evidence.readers.values()
        for entry in log
        if entry["op"] == "contact" and "tap" in entry
    }
    frozen: dict[tuple[int, str], bool] = {}
    for entry in evidence.phones:
        if entry["op"] == "poll":
            for card, mark in entry.get("marks", {}).items():
                frozen[entry["phone"], card] = mark["blocked"]
        if entry["op"] != "tap":
            continue
        if not entry["contacted"] and entry["tap"] in contacts and entry["code"] != "no_reader":
            yield f"1.02: tap {entry['tap']} was refused before contact, a reader logged one"
        if frozen.get((entry["phone"], entry["card"])) and entry["contacted"]:
            yield f"1.02: tap {entry['tap']} was made with a card the phone knew as frozen"


def _listed_cards_are_refused(evidence: Evidence) -> Iterator[str]:
    """A reader that holds the entry approves nothing of it, whatever the phone knows."""
    for log in evidence.readers.values():
        for entry in log:
            if _is_approval(entry) and entry["voids"] is None and _is_held(entry, evidence):
                yield f"1.13: tap {entry['tap']} was approved by a reader that held its entry"


def _is_held(entry: Entry, evidence: Evidence) -> bool:
    version = entry["held"].get(evidence.issuer, 0)
    return any(
        entry["serial"] in each.serials
        and each.added_in <= version
        and (each.removed_in is None or version < each.removed_in)
        for each in evidence.listings
    )


_CHECKS: Final[tuple[Callable[[Evidence], Iterator[str]], ...]] = (
    _books,
    _posted_once,
    _same_answers,
    _versions_rise,
    _final_states,
    _frozen_cards_keep_silent,
    _listed_cards_are_refused,
)


def _is_approval(entry: Entry) -> bool:
    """Return whether a reader stored a record then; one tap may be a sale and then its void."""
    return entry["op"] == "tap" and entry["result"] == "approved" and "serial" in entry


def _records(entries: Iterator[Entry]) -> dict[Record, Entry]:
    return {(entry["serial"], entry["atc"]): entry for entry in entries}


def _results(entries: Sequence[Entry]) -> dict[Record, str]:
    return {
        (record["serial"], record["atc"]): record["state"]
        for entry in entries
        if entry["op"] == "upload"
        for record in entry.get("records", ())
    }


def _rises(numbers: Sequence[int], *, strictly: bool = False) -> bool:
    return all(one < two if strictly else one <= two for one, two in pairwise(numbers))


def _name(record: Record) -> str:
    serial, atc = record
    return f"record {serial}/{atc}"
