"""Whether a machine may redeem a pre-approval, and what it then pays out (protocol §7). Pure.

A wrong place, amount or pickup code leaves the number good and is counted as a try; what was asked
for is never told in the refusal.
"""

from enum import StrEnum
from typing import Final, NamedTuple

TRIES_AT_TERMINAL: Final = 5  # then the number is unknown there
TRIES_IN_ALL: Final = 10  # then it is cancelled
WRONG_TERMINALS_ALARM: Final = 3
NOTE_MIX: Final = "note_mix"


class BadTry(StrEnum):
    """What was wrong about a try, in the order of the checks."""

    KIND = "wrong_kind"
    TERMINAL = "wrong_terminal"
    AMOUNT = "amount_mismatch"
    PICKUP_CODE = "pickup_code_invalid"


class Machine(NamedTuple):
    """Where a number is presented: kind of device, and ids of device and merchant."""

    kind: str
    device_id: int
    merchant_id: int


class Presented(NamedTuple):
    """What the machine says beside the number; amount None or currency "" where it says nothing."""

    kind: str
    amount_minor: int | None
    currency: str
    pickup_hash: bytes | None


class Number(NamedTuple):
    """What was approved: minor units, and where alone it works ("" or None: anywhere)."""

    kind: str
    amount_minor: int
    currency: str
    partial: bool
    bound_kind: str
    bound_merchant_id: int | None
    bound_terminal_id: int | None
    pickup_hash: bytes | None


def bad_try(number: Number, presented: Presented, machine: Machine) -> BadTry | None:
    """Return the first thing that is wrong, None where the machine may pay out."""
    if presented.kind != number.kind:
        return BadTry.KIND
    if not _fits_place(number, machine):
        return BadTry.TERMINAL
    if not _fits_amount(number, presented):
        return BadTry.AMOUNT
    if number.pickup_hash is not None and presented.pickup_hash != number.pickup_hash:
        return BadTry.PICKUP_CODE
    return None


def to_pay(number: Number, presented: Presented) -> int:
    """Return what a fitting request pays out, in minor units: the whole unless it said less."""
    return number.amount_minor if presented.amount_minor is None else presented.amount_minor


def _fits_place(number: Number, machine: Machine) -> bool:
    return (
        number.bound_kind in {"", machine.kind}
        and number.bound_merchant_id in {None, machine.merchant_id}
        and number.bound_terminal_id in {None, machine.device_id}
    )


def _fits_amount(number: Number, presented: Presented) -> bool:
    if presented.currency not in {"", number.currency}:
        return False
    amount = to_pay(number, presented)
    return amount == number.amount_minor or (number.partial and amount < number.amount_minor)


class Report(NamedTuple):
    """What the machine says it did; ``dispensed_minor`` None where it does not say.

    ``outcome``: FULL, PARTIAL, NONE or UNKNOWN; ``journal``: its own words.
    """

    outcome: str
    dispensed_minor: int | None = None
    item_serial: str = ""
    journal: str = ""

    def paid_minor(self, *, kind: str, amount_minor: int) -> int | None:
        """Return what it paid out of ``amount_minor``; None where the report contradicts itself.

        Of UNKNOWN nothing is taken for paid. Only cash comes out in part: an item is whole.
        """
        said = self.dispensed_minor
        if self.outcome == "PARTIAL" and kind != "CASH":
            return None
        match self.outcome:
            case "FULL":
                return amount_minor if said in {None, amount_minor} else None
            case "PARTIAL":
                return said if said is not None and 1 <= said < amount_minor else None
            case "NONE":
                return 0 if said in {None, 0} else None
        return 0

    @property
    def gives_number_back(self) -> bool:
        """Return whether the machine only lacked the notes for the amount."""
        return self.outcome == "NONE" and self.journal.strip() == NOTE_MIX
