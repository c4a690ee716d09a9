"""What the issuer's own system remembers: one word a document, and what was reversed. In memory."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from issuers.wire.authorising import Decision, Question


class Failure(StrEnum):
    """How the system fails from now on."""

    NONE = "none"
    DECLINE = "decline"  # says no
    ERROR = "error"  # approves, and answers 500
    HANG = "hang"  # approves, and never answers
    DROP = "drop"  # approves, and breaks the connection off
    LATE = "late"  # waits ``late_ms``, decides then, and answers
    GARBAGE = "garbage"  # approves, and answers what is no answer
    MIXED = "mixed"  # one of these by chance, each document its own


class Settings(NamedTuple):
    """What may be changed while it runs; times in milliseconds."""

    delay_ms: int = 0
    late_ms: int = 8000
    failure: Failure = Failure.NONE
    reason: str = "insufficient_funds"  # of a decline
    deaf: bool = False  # to reversals: they are answered 503

    def changed(self, told: dict[str, Any]) -> "Settings":
        """Return these with what ``told`` names changed.

        :raises ValueError: a name or a value is none
        """
        if set(told) - set(self._fields):
            raise ValueError("no such setting")
        after = self._replace(**told)
        if not all(isinstance(ms, int) and 0 <= ms < 600_000 for ms in after[:2]):
            raise ValueError("no time")
        return after._replace(failure=Failure(after.failure))


REVERSED: Final = Decision(approved=False, reason="issuer_refused")
_MIXED: Final = [failure for failure in Failure if failure is not Failure.MIXED]


@dataclass
class Book:
    """Decisions by document. A reversal that comes first leaves its mark, and is kept to.

    ``pause``: waits for seconds; the book is open to others meanwhile.
    """

    pause: Callable[[float], None]
    settings: Settings = field(default_factory=Settings)
    seed: int = 0
    decided: dict[str, tuple[Question, Decision]] = field(default_factory=dict)
    reversed: set[str] = field(default_factory=set)
    asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def authorise(self, question: Question) -> tuple[Failure, Decision]:
        """Decide once, and return how to fail with it; asked again, say the same."""
        settings = self.settings
        failure = self._failure(settings, question.document)
        with self._lock:
            self.asked += 1
        late = failure is Failure.LATE
        self.pause((settings.late_ms if late else settings.delay_ms) / 1000)
        refused = failure is Failure.DECLINE
        word = Decision(not refused, settings.reason if refused else "")
        with self._lock:
            if question.document in self.reversed:
                return failure, REVERSED
            before, word = self.decided.setdefault(question.document, (question, word))
        if before != question:
            raise ValueError("another question under this document")
        return failure, word

    def reverse(self, document: str) -> bool:
        """Undo what was approved, or refuse what is yet to come; return whether it is so."""
        if self.settings.deaf:
            return False
        with self._lock:
            self.reversed.add(document)
        return True

    def standing(self) -> dict[str, Any]:
        """Return what stands: documents approved and not reversed, with their amounts."""
        with self._lock:
            stands = {
                document: question.amount
                for document, (question, word) in self.decided.items()
                if word.approved and document not in self.reversed
            }
            approved = sum(word.approved for _question, word in self.decided.values())
            return {
                "stands": stands,
                "approved": approved,
                "reversed": sorted(self.reversed),
                "asked": self.asked,
            }

    def _failure(self, settings: Settings, document: str) -> Failure:
        if settings.failure is not Failure.MIXED:
            return settings.failure
        return random.Random(f"{self.seed} {document}").choice(_MIXED)  # noqa: S311
