"""The words of a redemption at an ATM: what is asked, what is set in motion, what is kept."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

JOURNAL_MOST: Final = 500  # characters that go to the portal
NOTE_MIX: Final = "note_mix"  # the journal's one word that makes the number good again


class Kind(StrEnum):
    """What a number is good for (protocol section 7)."""

    CASH = "CASH"
    GIFT = "GIFT"
    LOTTERY = "LOTTERY"


class Step(StrEnum):
    """How far a redemption is; each is on the disk before the next thing is done."""

    ASKING = "ASKING"  # the portal may have locked the number, or may not
    READY = "READY"  # it has; nothing has moved
    MOVING = "MOVING"  # notes or ticket were set in motion
    TELLING = "TELLING"  # what came out is known, and the portal has yet to say that it knows
    CLOSED = "CLOSED"


class Outcome(StrEnum):
    """What came out, as ``complete`` tells it."""

    FULL = "FULL"
    PARTIAL = "PARTIAL"
    NONE = "NONE"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A POST to the portal; ``reference`` names the redemption here."""

    reference: str
    step: Step
    path: str
    body: Mapping[str, Any]
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Move these notes out: denomination in minor units -> how many."""

    reference: str
    notes: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintTicket:
    """Print the ticket with this serial."""

    reference: str
    serial: str


type Motion = Feed | PrintTicket


@dataclass(slots=True, kw_only=True)
class Facts:
    """What is kept of a redemption. Times are local; amounts in minor units.

    ``sealed`` holds the request, its number included, only until the portal has answered it.
    """

    reference: str
    kind: Kind
    opened_at: float
    sealed: str
    asked_minor: int | None = None  # as keyed; None where the number's own amount is paid
    step: Step = Step.ASKING
    given_up: bool = False  # nobody waits for it any more: nothing may be moved for it
    redemption: str = ""
    amount_minor: int = 0
    currency: str = ""
    notes: dict[int, int] = field(default_factory=dict)
    item_serial: str = ""
    outcome: Outcome | None = None
    dispensed_minor: int = 0
    note_mix: bool = False
    report: dict[str, Any] = field(default_factory=dict)  # what is told, word for word each time
    refused: str = ""
    portal_state: str = ""  # COMPLETED, REVERSED or SUSPENSE, as the portal told it
    journal: list[tuple[float, str]] = field(default_factory=list)

    def wrote(self, line: str, *, at: float) -> None:
        """Enter a line in the journal: it decides after a power cut, and at the suspense desk."""
        self.journal.append((at, line))

    def told(self) -> str:
        """Return the journal as the portal hears it, the latest lines where it is too long."""
        if self.note_mix:
            return NOTE_MIX
        began = self.journal[0][0] if self.journal else 0.0
        lines = "; ".join(f"+{at - began:.1f} s {line}" for at, line in self.journal)
        return lines[-JOURNAL_MOST:]

    def end(self, outcome: Outcome, *, dispensed_minor: int) -> None:
        """Take what came out; from now on ``report`` is the body of ``complete``, and stays."""
        self.outcome, self.dispensed_minor = outcome, dispensed_minor
        self.report = {"outcome": outcome.value, "journal": self.told()}
        if outcome in (Outcome.FULL, Outcome.PARTIAL):
            self.report["dispensed"] = dispensed_minor
        if outcome is Outcome.FULL and self.item_serial:
            self.report["item_serial"] = self.item_serial
        self.step = Step.TELLING

    def to_state(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        state = asdict(self)
        state["notes"] = sorted(self.notes.items())
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_state` wrote."""
        kept = dict(state)
        kept["kind"], kept["step"] = Kind(state["kind"]), Step(state["step"])
        kept["outcome"] = state["outcome"] and Outcome(state["outcome"])
        kept["notes"] = dict(map(tuple, state["notes"]))
        kept["journal"] = [(at, line) for at, line in state["journal"]]
        return cls(**kept)
