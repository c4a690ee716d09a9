"""Requests that came again over HTTPS, so that a payment's story tells every retry.

What a repetition hears is another's business (:mod:`config.idempotency`, and each service that
answers the same twice); here it is kept that it came. The first 20 of one caller about one thing
have their times, what follows is counted: one statement, and rows that nobody can multiply.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.db.models import QuerySet

from config import pipeline
from config.models import Repetition
from config.models.repetitions import NUMBERED_MOST
from config.pipeline import Statement


class Call(StrEnum):
    """What was asked again."""

    BATCH = "BATCH"
    TAP = "TAP"
    COPIES = "COPIES"
    REQUEST = "REQUEST"
    CANCEL = "CANCEL"
    REFUND = "REFUND"
    CLAIM = "CLAIM"
    RELEASE = "RELEASE"
    DECLINE = "DECLINE"
    APPROVE = "APPROVE"
    CHECKOUT = "CHECKOUT"
    CONFIRM = "CONFIRM"
    ABANDON = "ABANDON"
    CONSENT = "CONSENT"
    PREAPPROVAL = "PREAPPROVAL"
    REDEMPTION = "REDEMPTION"
    COMPLETE = "COMPLETE"
    REVERSE = "REVERSE"


def noting(*, subjects: Sequence[str], call: Call, caller: str, at: datetime) -> Statement:
    """Return the statement that keeps that ``caller`` asked again, about each of ``subjects``.

    ``caller``: as :class:`config.models.Repetition` names it. The last statement of a transaction,
    for its rows are locked after all others.
    """
    return Statement(_NOTE, [call.value, caller, at, NUMBERED_MOST, list(subjects)])


def of_device(*, subject: str, call: Call, device: str, at: datetime) -> Statement:
    """Return :func:`noting` for what a device, by its reference, asked again."""
    return noting(subjects=[subject], call=call, caller=f"device:{device}", at=at)


def note(*, subject: str, call: Call, device: str, at: datetime) -> None:
    """Keep that a device, by its reference, asked again."""
    pipeline.run(of_device(subject=subject, call=call, device=device, at=at))


def about(*, subjects: Sequence[str]) -> QuerySet[Repetition]:
    """Return what was asked again about any of ``subjects``, oldest first."""
    return Repetition.objects.filter(subject__in=subjects).order_by("first_at", "pk")


# Two that come at once may find the same number free: the later one is then counted with it.
_NOTE: Final = """
WITH said AS (SELECT %s::varchar AS call, %s::varchar AS caller, %s::timestamptz AS at)
INSERT INTO config_repetition AS kept (subject, call, caller, number, times, first_at, last_at)
SELECT asked.subject, said.call, said.caller,
       least(coalesce(before.number, 0) + 1, %s), 1, said.at, said.at
  FROM said CROSS JOIN (SELECT DISTINCT unnest(%s::varchar[]) AS subject) asked
  LEFT JOIN LATERAL (
    SELECT max(r.number) AS number FROM config_repetition r
     WHERE (r.subject, r.call, r.caller) = (asked.subject, said.call, said.caller)
  ) before ON true
 ORDER BY asked.subject
    ON CONFLICT (subject, call, caller, number) DO UPDATE
   SET times = kept.times + 1, last_at = greatest(kept.last_at, excluded.last_at)
"""
