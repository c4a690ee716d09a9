"""One number from the machine's side: what is asked, what moved, what is told (protocol §7).

A step is on the disk before what it allows is done, so after a power cut the journal decides:
nothing moved before MOVING, nobody knows during it, the outcome stands after it.
"""

from collections.abc import Mapping
from typing import Any, Final

from merchants.devices.atm_facts import NOTE_MIX, Call, Facts, Outcome, Step
from merchants.devices.sealed_request import unseal

PATIENCE_S: Final = 20.0  # that a customer waits for the portal's answer
_PATH: Final = "/terminal/redemptions"
_RETRY_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_UNDECIDED: Final = frozenset({401, 408, 425, 429})
_LOOKUP_LOCKED: Final = "lookup_locked"  # a 429 that decides: the number was not looked at
_IN_PROGRESS: Final = "idempotency_in_progress"
_FORBIDDEN: Final = 403


class Redemption:
    """The facts, and whether a call is out: one at a time, its end is to be told."""

    def __init__(self, *, facts: Facts) -> None:
        self.facts = facts
        self._is_asking = False
        self._tries = 0
        self._next_call_at = 0.0

    @property
    def is_at_slot(self) -> bool:
        """Return whether somebody stands there for it: until it is decided, and out of the way."""
        facts = self.facts
        return facts.step in (Step.READY, Step.MOVING) or (
            facts.step is Step.ASKING and not facts.given_up
        )

    @property
    def is_closed(self) -> bool:
        return self.facts.step is Step.CLOSED

    def resume(self, *, at: float) -> bool:
        """Go on after a power cut, as the journal says; return whether what moved is not known."""
        facts = self.facts
        if self.is_closed:
            return False
        facts.wrote(f"power back, {facts.step.lower()}", at=at)
        if facts.step is Step.ASKING:
            facts.given_up = True
        elif facts.step is Step.READY:
            self._known(Outcome.NONE, dispensed_minor=0)
        elif facts.step is Step.MOVING:
            self._known(Outcome.UNKNOWN, dispensed_minor=0)
            return True
        return False

    def tick(self, *, at: float) -> None:
        """Let a customer go whom the portal does not answer."""
        facts = self.facts
        waits = facts.step is Step.ASKING and not facts.given_up
        if waits and at >= facts.opened_at + PATIENCE_S:
            facts.given_up = True
            facts.wrote("customer sent away", at=at)

    def due_at(self) -> float | None:
        """Return when there is something to ask next; None: only an event brings it."""
        waits = self.facts.step in (Step.ASKING, Step.TELLING) and not self._is_asking
        return self._next_call_at if waits else None

    def next_call(self, *, at: float, secret: bytes) -> Call | None:
        """Return what is to be asked now; ``secret``: the machine's, which opens the request."""
        facts, due = self.facts, self.due_at()
        if due is None or at < due:
            return None
        self._is_asking = True
        key = f"{facts.step.lower()}-{facts.reference}"
        if facts.step is Step.TELLING:
            path, body = f"{_PATH}/{facts.redemption}/complete", facts.report
        else:
            path = _PATH
            body = unseal(sealed=facts.sealed, secret=secret, reference=facts.reference)
        return Call(
            reference=facts.reference, step=facts.step, path=path, body=body, idempotency_key=key
        )

    def locked(self, document: Mapping[str, Any], *, at: float) -> None:
        """Take it that the number is locked for this machine.

        :raises LookupError, ValueError: these are not the portal's words
        """
        facts = self.facts
        redemption, currency = str(document["redemption"]), str(document["currency"])
        amount_minor = int(document["amount"])
        if document["kind"] != facts.kind or facts.asked_minor not in (None, amount_minor):
            raise ValueError("The answer is about something else.")
        self._settle_call()
        facts.redemption, facts.amount_minor, facts.currency = redemption, amount_minor, currency
        facts.sealed = ""
        facts.step = Step.READY
        facts.wrote("locked", at=at)
        if facts.given_up:
            self._known(Outcome.NONE, dispensed_minor=0)

    def cannot(self, why: str, *, at: float) -> None:
        """Take it that nothing can be given for it here; nothing has moved."""
        self.facts.note_mix = why == NOTE_MIX
        self.facts.wrote(why, at=at)
        self._known(Outcome.NONE, dispensed_minor=0)

    def moving(self, line: str, *, at: float) -> None:
        """Take it that a motion begins; to be saved before it does."""
        self.facts.step = Step.MOVING
        self.facts.wrote(line, at=at)

    def moved(self, dispensed_minor: int | None, *, line: str, at: float) -> None:
        """Take what came out, in minor units; None: nobody knows."""
        facts = self.facts
        facts.wrote(line, at=at)
        if dispensed_minor is None:
            self._known(Outcome.UNKNOWN, dispensed_minor=0)
        elif dispensed_minor == 0:
            self._known(Outcome.NONE, dispensed_minor=0)
        else:
            whole = dispensed_minor == facts.amount_minor
            self._known(Outcome.FULL if whole else Outcome.PARTIAL, dispensed_minor=dispensed_minor)

    def _known(self, outcome: Outcome, *, dispensed_minor: int) -> None:
        self.facts.end(outcome, dispensed_minor=dispensed_minor)
        self._tries, self._next_call_at = 0, 0.0

    def told(self, document: Mapping[str, Any]) -> None:
        """Take it that the portal knows the outcome.

        :raises LookupError: these are not the portal's words
        """
        self.facts.portal_state = str(document["state"])
        self._close()

    def refused(self, *, status: int, code: str, at: float) -> None:
        """Take a refusal; one that decides nothing is asked again."""
        maybe_there = status == _FORBIDDEN and (self._tries or self.facts.step is Step.TELLING)
        undecided = status in _UNDECIDED and code != _LOOKUP_LOCKED
        if undecided or code == _IN_PROGRESS or maybe_there:
            # The door was shut, perhaps after an earlier try had got through; money must be told.
            self.unreachable(at=at)
            return
        self.facts.refused = code
        self.facts.wrote(f"refused {code}", at=at)
        self._close()

    def unreachable(self, *, at: float) -> None:
        """Take it that a call got no answer that decides."""
        tries = self._tries
        self._settle_call()
        self._tries = tries + 1
        self._next_call_at = at + _RETRY_S[min(tries, len(_RETRY_S) - 1)]

    def _close(self) -> None:
        self._settle_call()
        self.facts.sealed = ""
        self.facts.step = Step.CLOSED

    def _settle_call(self) -> None:
        self._is_asking, self._tries, self._next_call_at = False, 0, 0.0
