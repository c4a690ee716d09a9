"""What the faults of a plan make of each round: who has no network, is off, or tells a wrong time.

``reader-days`` is a reader without network whose clock stands two days further on: its list is
older than any merchant allows, so it must not approve anything by itself.
"""

from collections.abc import Iterator
from typing import Final

from settlement.simulation.device import DAY_S
from settlement.simulation.plan import CUTS, SKEWS, Fault, FaultKind, Plan, Tap

READER_DAYS: Final = 2
_PHONE_AWAY: Final = frozenset({FaultKind.LOST_COMMAND, FaultKind.PHONE_OFF})
_READER_AWAY: Final = frozenset({FaultKind.READER_OFFLINE, FaultKind.READER_DAYS})
# The other kinds are written down by the device they happen to, when they happen.
_WRITTEN_BY_US: Final = frozenset(
    {FaultKind.LOST_COMMAND, FaultKind.PHONE_OFF, FaultKind.READER_OFFLINE}
)


class Conditions:
    """The faults of one plan, round by round."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def beginning(self, number: int) -> list[Fault]:
        """Return the faults to be written down as having begun in a round."""
        return [
            fault
            for fault in self._plan.faults
            if fault.kind in _WRITTEN_BY_US and fault.round == number
        ]

    def phone_is_away(self, phone: int, number: int) -> bool:
        """Return whether a phone has no network."""
        return any(each.kind in _PHONE_AWAY for each in self._on(phone, number))

    def phone_is_off(self, phone: int, number: int) -> bool:
        """Return whether a phone can neither poll nor tap."""
        return any(each.kind is FaultKind.PHONE_OFF for each in self._on(phone, number))

    def reader_is_away(self, reader: int, number: int) -> bool:
        """Return whether a reader has no network."""
        return any(each.kind in _READER_AWAY for each in self._on(reader, number))

    def reader_skew_s(self, reader: int, number: int) -> tuple[int, FaultKind]:
        """Return how many seconds a reader's clock is ahead, and by which fault."""
        faults = list(self._on(reader, number))
        if any(each.kind is FaultKind.READER_DAYS for each in faults):
            return READER_DAYS * DAY_S, FaultKind.READER_DAYS
        return _skew_s(faults, "reader"), FaultKind.CLOCK_SKEW

    def phone_skew_s(self, phone: int, number: int) -> int:
        """Return how many seconds a phone's clock is ahead."""
        return _skew_s(list(self._on(phone, number)), "phone")

    def cut(self, tap: Tap) -> tuple[str, str]:
        """Return whose power fails at a tap, and when; nobody's: empty words."""
        found = (
            CUTS[fault.variant]
            for fault in self._plan.faults
            if fault.kind is FaultKind.POWER_CUT and fault.subject == tap.number
        )
        return next(found, ("", ""))

    def _on(self, subject: int, number: int) -> Iterator[Fault]:
        for fault in self._plan.faults:
            lasts = fault.round <= number < fault.round + fault.rounds
            if fault.kind is not FaultKind.POWER_CUT and fault.subject == subject and lasts:
                yield fault


def _skew_s(faults: list[Fault], whose: str) -> int:
    skews = [SKEWS[fault.variant] for fault in faults if fault.kind is FaultKind.CLOCK_SKEW]
    return next((days * DAY_S for who, days in skews if who == whose), 0)
