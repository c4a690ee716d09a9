"""The faults a run ends with: a cloned phone, and a phone restored from an old backup.

They come last, one after the other, each batch posted before the next tap: when the portal lists
the card is up to its workers, and no end may depend on that.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from settlement.models import Dispute
from settlement.simulation.casting import Cast
from settlement.simulation.children import Answer
from settlement.simulation.plan import FaultKind, Plan
from settlement.simulation.troupe import Troupe

_AMOUNT_MINOR: Final = 3_000
_LISTED_WITHIN_S: Final = 60.0  # protocol §5
_LOOK_AGAIN_S: Final = 0.2


class Ending:
    """Two payloads under one ATC, made on purpose."""

    def __init__(
        self, *, plan: Plan, cast: Cast, troupe: Troupe, empty: Callable[[int], None], at: int
    ) -> None:
        self._plan = plan
        self._cast = cast
        self._troupe = troupe
        self._empty = empty
        self._at = at
        self.taps: dict[int, Answer] = {}

    def play(self) -> None:
        """Carry out what the plan has of these faults, and wait until the cards are listed."""
        for fault in self._plan.faults:
            if fault.kind is FaultKind.CLONED_PHONE:
                self._twice(fault.subject, self._clone)
            elif fault.kind is FaultKind.ATC_ROLLBACK:
                self._twice(fault.subject, self._roll_back)
        deadline = time.monotonic() + _LISTED_WITHIN_S
        while _waiting(self._cast) and time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN_S)

    def _twice(self, first: int, copied: Callable[[int], int]) -> None:
        """Let the next phone that can pay do so at a reader, and its copy at the next reader."""
        phones = len(self._plan.cards)
        for phone in ((first + further) % phones for further in range(phones)):
            self._troupe.phones.ask("back_up", phone=phone)
            if self._pay(phone, 0, card=self._cast.cards[phone][0])["state"] == "approved":
                other = copied(phone)
                self._pay(other, self._plan.readers - 1, card=self._cast.cards[phone][0])
                return

    def _clone(self, phone: int) -> int:
        """Return the number of a phone that is what ``phone`` was before its tap."""
        copy = len(self._plan.cards)
        self._troupe.phones.ask("clone", phone=copy, of=phone)
        return copy

    def _roll_back(self, phone: int) -> int:
        self._troupe.phones.ask("roll_back", phone=phone)
        return phone

    def _pay(self, phone: int, reader: int, *, card: str) -> Answer:
        number = len(self._plan.taps) + len(self.taps) + 1
        words: dict[str, Any] = {"amount_minor": _AMOUNT_MINOR, "currency": self._cast.currency}
        told = self._troupe.tap(
            number=number, reader=reader, phone=phone, card=card, at=self._at, **words
        )
        self.taps[number] = told
        self._empty(reader)
        return told


def _waiting(cast: Cast) -> bool:
    """Return whether a dispute of these readers still waits for its card to be listed."""
    disputes = Dispute.objects.filter(record__batch__device__reference__in=cast.readers)
    return disputes.filter(card_listed_at=None).exists()
