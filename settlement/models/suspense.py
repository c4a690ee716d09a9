"""Suspense: what one person read in a machine's journal, and what another one said to it."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q

from config.states import Stateful, fixed, guarded, never_deleted
from settlement.models.redemptions import Redemption


@guarded
class SuspenseProposal(Stateful):
    """What came out of a machine, as one person says; another one agrees to exactly this.

    ``dispensed_minor``: minor units of the redemption's currency that would be posted, 0 for none.
    OVERTAKEN: the machine's own report came first.
    """

    class State(models.TextChoices):
        PENDING = "PENDING"
        AGREED = "AGREED"
        REFUSED = "REFUSED"
        WITHDRAWN = "WITHDRAWN"
        OVERTAKEN = "OVERTAKEN"

    class Outcome(models.TextChoices):
        FULL = "FULL"
        PARTIAL = "PARTIAL"
        NONE = "NONE"

    TRANSITIONS: ClassVar = {
        State.PENDING: frozenset({State.AGREED, State.REFUSED, State.WITHDRAWN, State.OVERTAKEN})
    }

    reference = models.CharField(max_length=32, unique=True)
    redemption = models.ForeignKey(Redemption, on_delete=models.PROTECT, related_name="proposals")
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    dispensed_minor = models.BigIntegerField()
    item_serial = models.CharField(max_length=64, blank=True)
    evidence = models.CharField(max_length=200)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    proposed_by = models.CharField(max_length=64)  # the maker
    proposed_at = models.DateTimeField()
    decided_by = models.CharField(max_length=64, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    why_not = models.CharField(max_length=200, blank=True)  # in the words of who refused it

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["redemption"],
                condition=Q(state="PENDING"),
                name="suspenseproposal_one_waits",
            ),
            models.UniqueConstraint(
                fields=["redemption"],
                condition=Q(state="AGREED"),
                name="suspenseproposal_one_agreed",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["AGREED", "REFUSED"]) | ~Q(decided_by=F("proposed_by")),
                name="suspenseproposal_second_person",
            ),
            models.CheckConstraint(
                condition=Q(state="PENDING", decided_at=None, decided_by="")
                | Q(state="OVERTAKEN", decided_at__isnull=False, decided_by="")
                | Q(state__in=["AGREED", "REFUSED", "WITHDRAWN"], decided_at__isnull=False)
                & ~Q(decided_by=""),
                name="suspenseproposal_decided_iff_dated",
            ),
            models.CheckConstraint(
                condition=~Q(proposed_by="") & ~Q(evidence=""),
                name="suspenseproposal_says_who_and_why",
            ),
        ]
        triggers = [
            never_deleted(),
            fixed(
                *("reference", "redemption", "outcome", "dispensed_minor", "item_serial"),
                *("evidence", "proposed_by", "proposed_at"),
            ),
            pgtrigger.Trigger(
                name="fits_its_redemption",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NOT EXISTS (
                        SELECT FROM settlement_redemption r
                         WHERE r.id = NEW.redemption_id AND r.state = 'SUSPENSE'
                           AND CASE NEW.outcome
                               WHEN 'FULL' THEN NEW.dispensed_minor = r.amount_minor
                               WHEN 'PARTIAL' THEN r.kind = 'CASH' AND NEW.dispensed_minor >= 1
                                               AND NEW.dispensed_minor < r.amount_minor
                               ELSE NEW.dispensed_minor = 0 END
                    ) THEN
                        RAISE EXCEPTION 'proposal % does not fit its redemption', NEW.reference
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.reference
