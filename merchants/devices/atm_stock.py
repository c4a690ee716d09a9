"""What an ATM can give out: notes in its cassettes, tickets with serials in its printer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from merchants.rules import note_mix
from merchants.rules.note_mix import Preference


@dataclass(slots=True, kw_only=True)
class Cassettes:
    """Notes of one currency by denomination, in minor units.

    Notes are taken out of the count before they move: a machine never promises one it may not
    have. ``doubtful``: how many notes moved last is not known; somebody has to count.
    """

    currency: str
    held: dict[int, int] = field(default_factory=dict)
    preference: Preference = Preference.FEWEST
    doubtful: bool = False

    def mix(self, *, amount_minor: int, currency: str) -> dict[int, int] | None:
        """Return the notes that pay the amount exactly, or None where none here do."""
        if currency != self.currency:
            return None
        return note_mix.mix(amount_minor=amount_minor, held=self.held, preference=self.preference)

    def take(self, notes: Mapping[int, int]) -> None:
        """Take out what is about to move."""
        for denomination, count in notes.items():
            self.held[denomination] -= count

    def put_back(self, notes: Mapping[int, int]) -> None:
        """Count again what did not move after all."""
        for denomination, count in notes.items():
            self.held[denomination] = self.held.get(denomination, 0) + count

    def load(self, notes: Mapping[int, int]) -> None:
        """Take what somebody counted as what is there now; nothing is in doubt any more."""
        self.held = dict(notes)
        self.doubtful = False

    def to_state(self) -> dict[str, Any]:
        """Return them as JSON-able values."""
        return {
            "currency": self.currency,
            "held": sorted(self.held.items()),
            "preference": self.preference.value,
            "doubtful": self.doubtful,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_state` wrote."""
        return cls(
            currency=state["currency"],
            held=dict(map(tuple, state["held"])),
            preference=Preference(state["preference"]),
            doubtful=state["doubtful"],
        )


@dataclass(slots=True, kw_only=True)
class Tickets:
    """Blank gift certificates and lottery tickets: rolls of serials by kind and value.

    A serial leaves its roll before it is printed, and none comes back: whether a spoilt ticket
    counts is not the printer's to say.
    """

    rolls: dict[tuple[str, int, str], list[str]] = field(default_factory=dict)

    def has(self, *, kind: str) -> bool:
        """Return whether there is any ticket of ``kind``."""
        return any(serials for (of, _value, _currency), serials in self.rolls.items() if of == kind)

    def take(self, *, kind: str, amount_minor: int, currency: str) -> str:
        """Return the next serial of that value, or "" where the roll is empty."""
        roll = self.rolls.get((kind, amount_minor, currency), [])
        return roll.pop(0) if roll else ""

    def load(self, *, kind: str, amount_minor: int, currency: str, serials: list[str]) -> None:
        """Put a roll of serials behind what is there."""
        self.rolls.setdefault((kind, amount_minor, currency), []).extend(serials)

    def to_state(self) -> list[Any]:
        """Return the rolls as JSON-able values."""
        return [[*roll, serials] for roll, serials in sorted(self.rolls.items()) if serials]

    @classmethod
    def from_state(cls, state: list[Any]) -> Self:
        """Return what :meth:`to_state` wrote."""
        return cls(rolls={(kind, value, cur): list(s) for kind, value, cur, s in state})
