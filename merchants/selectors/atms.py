"""What is in the portal's own ATMs, and whom they serve."""

from collections.abc import Iterable
from typing import NamedTuple

from merchants.models import AtmTurn, Cassette, Merchant, VirtualAtm
from merchants.rules.note_mix import NEW_MACHINE


class Inside(NamedTuple):
    """Notes by denomination, the largest first, and what they are worth, in minor units."""

    notes: list[tuple[int, int]]
    worth_minor: int
    in_doubt: bool
    store: str


def notes_in(*, devices: Iterable[int]) -> dict[int, Inside]:
    """Return what is in each virtual ATM among ``devices`` (ids), in one query."""
    rows = Cassette.objects.filter(atm__device__in=list(devices)).select_related("atm__store")
    found: dict[int, Inside] = {}
    for row in rows.order_by("-denomination_minor"):
        of = found.get(row.atm.device_id)
        before = of or Inside([], 0, row.atm.in_doubt, row.atm.store.reference)
        found[row.atm.device_id] = before._replace(
            notes=[*before.notes, (row.denomination_minor, row.notes)],
            worth_minor=before.worth_minor + row.denomination_minor * row.notes,
        )
    return found


def to_count(*, merchant: Merchant, store: str) -> tuple[dict[int, int], bool]:
    """Return the notes in the ATM of ``store`` (its reference) and whether that is in doubt.

    Where none has been opened yet: what a new one holds.
    """
    rows = VirtualAtm.objects.filter(
        store__merchant=merchant, store__reference=store, closed_at=None
    )
    atm = rows.first()
    if atm is None:
        return dict(NEW_MACHINE.get(merchant.currency, {})), False
    return dict(atm.cassettes.values_list("denomination_minor", "notes")), atm.in_doubt


def serving(*, merchant: Merchant, store: str) -> str:
    """Return the reference of the redemption that the ATM of ``store`` serves now, or ""."""
    turns = AtmTurn.objects.filter(
        atm__store__merchant=merchant,
        atm__store__reference=store,
        atm__closed_at=None,
        ended_at=None,
    )
    return turns.exclude(redemption="").values_list("redemption", flat=True).first() or ""
