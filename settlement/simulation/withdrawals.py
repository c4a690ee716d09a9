"""What customers fetch at ATMs in a simulation, cash and tickets, drawn apart from taps and sales.

Other faults, or none, leave what customers want as it is.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from merchants.devices.atm_facts import Kind
from settlement.simulation.sales import random_of

_A_ROUND: Final = 2  # withdrawals at each ATM
_KINDS: Final = (*[Kind.CASH] * 4, Kind.GIFT, Kind.LOTTERY)
WORTHS: Final = {Kind.GIFT: (10_000, 50_000), Kind.LOTTERY: (1_000, 5_000)}  # minor units
CUT_MOMENTS: Final = 16  # writes, calls and motions of one withdrawal at which power may fail


class Want(StrEnum):
    """How a withdrawal is meant to go."""

    PAID = "paid"
    KEYED = "keyed"  # the customer keys the amount as well
    CANCELLED = "cancelled"  # on the phone, before any machine
    LATE = "late"  # at the machine after its time is up
    WRONG_CODE = "wrong-code"  # first, then the right one; a ticket needs none
    ODD = "odd"  # no notes pay the amount, no ticket is worth it


class AtmFault(StrEnum):
    """What can go wrong between machine, phone and portal."""

    POWER_CUT = "atm-power-cut"
    LOST_ANSWER = "atm-lost-answer"
    JAM = "atm-jam"
    TWO_ATMS = "two-atms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A customer has an amount approved and takes the number to a machine."""

    number: int
    round: int
    customer: int
    kind: Kind
    amount_minor: int
    want: Want


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """A fault of one withdrawal. ``moment``: of a power cut, which write, call or motion."""

    kind: AtmFault
    withdrawal: int
    moment: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CashPlan:
    """All withdrawals of a run and what befalls them."""

    customers: int = 0
    withdrawals: tuple[Withdrawal, ...] = ()
    mishaps: tuple[Mishap, ...] = ()

    def mishap(self, withdrawal: Withdrawal, kind: AtmFault) -> Mishap | None:
        """Return that fault of a withdrawal, None where it has none."""
        fitting = (each for each in self.mishaps if each.withdrawal == withdrawal.number)
        return next((each for each in fitting if each.kind is kind), None)


def make(*, seed: int, customers: int, rounds: int, kinds: Collection[AtmFault]) -> CashPlan:
    """Draw the withdrawals of ``seed``; without customers there are none."""
    if not customers:
        return CashPlan()
    drawn = tuple(_withdrawals(random_of(seed, "withdrawals"), customers, rounds))
    mishaps = tuple(
        mishap for kind in sorted(kinds) for mishap in _mishaps(random_of(seed, kind), kind, drawn)
    )
    return CashPlan(customers=customers, withdrawals=drawn, mishaps=mishaps)


def _withdrawals(random: Random, customers: int, rounds: int) -> Iterator[Withdrawal]:
    wants = [Want.PAID] * 5 + list(Want)
    for number in range(rounds * _A_ROUND):
        want = random.choice(wants)
        kind = random.choice(_KINDS)
        amount_minor = random.choice(WORTHS.get(kind) or range(10_000, 120_000, 10_000))
        odd_minor = 3_000 if want is Want.ODD else 0
        yield Withdrawal(
            number=number + 1,
            round=number // _A_ROUND,
            customer=random.randrange(customers),
            kind=kind,
            amount_minor=amount_minor + odd_minor,
            want=want,
        )


def _mishaps(
    random: Random, kind: AtmFault, withdrawals: tuple[Withdrawal, ...]
) -> Iterator[Mishap]:
    """Draw about one of a kind for four withdrawals, at least one."""
    among = [each for each in withdrawals if each.want in {Want.PAID, Want.KEYED}] or withdrawals
    times = min(len(among), max(1, len(withdrawals) // 4))
    for each in random.sample(list(among), times):
        moment = random.randrange(1, CUT_MOMENTS + 1)
        yield Mishap(kind=kind, withdrawal=each.number, moment=moment)
