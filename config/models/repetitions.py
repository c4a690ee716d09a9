"""Requests that came again: what was repeated, by whom, when, and how often."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from config.states import never_deleted

NUMBERED_MOST = 20


class Repetition(models.Model):
    """A request about ``subject`` that a caller sent again.

    One row each for the first 19; the 20th counts all that follow (``times``), so that nobody fills
    the table by repeating himself.
    """

    subject = models.CharField(max_length=64)  # T-ID, reference, or base64url of a digest
    call = models.CharField(max_length=16)  # config.repetitions.Call
    caller = models.CharField(max_length=48)  # "device:<ref>", "till:<ref>" or "key:<id>"
    number = models.PositiveSmallIntegerField()
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "call", "caller", "number"], name="repetition_numbered_once"
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1, number__lte=NUMBERED_MOST),
                name="repetition_numbered_up_to_20",
            ),
            models.CheckConstraint(
                condition=Q(times__gte=1, last_at__gte=F("first_at")),
                name="repetition_since_its_first",
            ),
        ]
        triggers = [
            never_deleted(),
            pgtrigger.Trigger(
                name="only_counts",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="""
                    IF (OLD.id, OLD.subject, OLD.call, OLD.caller, OLD.number, OLD.first_at)
                       = (NEW.id, NEW.subject, NEW.call, NEW.caller, NEW.number, NEW.first_at)
                       AND NEW.times = OLD.times + 1 AND NEW.last_at >= OLD.last_at
                    THEN RETURN NEW; END IF;
                    RAISE EXCEPTION 'a repetition is only counted'
                        USING ERRCODE = 'check_violation';
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.call} {self.subject}, again {self.number}"
