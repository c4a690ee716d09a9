"""What the issuer's own system remembers: one word a document, what was reversed and refunded."""

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import cycle
from typing import Any, Final, NamedTuple

from issuers.wire.authorising import Decision, Question, Refund


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
    deaf: bool = False  # to reversals and refunds: they are answered 503
    refund_failure: Failure = Failure.NONE  # of answers to refunds; DECLINE: to hear of it

    def changed(self, told: dict[str, Any]) -> "Settings":
        """Return these with what ``told`` names changed.

        :raises ValueError: a name or a value is none
        """
        if set(told) - set(self._fields):
            raise ValueError("no such setting")
        after = self._replace(**told)
        if not all(isinstance(ms, int) and 0 <= ms < 600_000 for ms in after[:2]):
            raise ValueError("no time")
        return after._replace(
            failure=Failure(after.failure), refund_failure=Failure(after.refund_failure)
        )


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
    refunded: dict[str, Refund] = field(default_factory=dict)
    asked: int = 0
    told: int = 0  # of refunds, each as often as it came
    _failures: dict[str, Failure] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def authorise(self, question: Question) -> tuple[Failure, Decision]:
        """Decide once, and return how to fail with it; asked again, say the same."""
        settings = self.settings
        failure = self._failure(settings.failure, question.document)
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

    def refund(self, refund: Refund) -> Failure:
        """Give back once what a refund says, and return how to fail with it; again, say the same.

        :raises ValueError: it is another under the same name, or of what does not stand
        """
        with self._lock:
            self.told += 1
            failure = self._failure(self.settings.refund_failure, f"{refund.refund} {self.told}")
            if failure is Failure.DECLINE:
                raise ValueError("no refund is taken now")
            if refund.refund not in self.refunded:
                self._check_covered(refund)
            if self.refunded.setdefault(refund.refund, refund) != refund:
                raise ValueError("another refund under this name")
        if failure is Failure.LATE:
            self.pause(self.settings.late_ms / 1000)
        return failure

    def _check_covered(self, refund: Refund) -> None:
        question, word = self.decided.get(refund.document, (None, REVERSED))
        if question is None or not word.approved or refund.document in self.reversed:
            raise ValueError("nothing stands under this document")
        if refund.currency != question.currency or refund.amount > self._left(question):
            raise ValueError("more than stands under this document")

    def _left(self, question: Question) -> int:
        told = self.refunded.values()
        back = sum(refund.amount for refund in told if refund.document == question.document)
        return question.amount - back

    def standing(self) -> dict[str, Any]:
        """Return what stands: documents approved and not reversed, with what is left of each."""
        with self._lock:
            stands = {
                document: self._left(question)
                for document, (question, word) in self.decided.items()
                if word.approved and document not in self.reversed
            }
            approved = sum(word.approved for _question, word in self.decided.values())
            return {
                "stands": stands,
                "approved": approved,
                "reversed": sorted(self.reversed),
                "refunded": {name: refund._asdict() for name, refund in self.refunded.items()},
                "asked": self.asked,
                "told": self.told,
            }

    def _failure(self, failure: Failure, name: str) -> Failure:
        if failure is not Failure.MIXED:
            return failure
        return self._failures.get(name) or self._failures.setdefault(name, next(self._turns))

    @cached_property
    def _turns(self) -> Iterator[Failure]:
        """The failures in turn, so that as many names as there are of them meet them all."""
        order = random.Random(self.seed).sample(_MIXED, len(_MIXED))  # noqa: S311
        return cycle(order)
