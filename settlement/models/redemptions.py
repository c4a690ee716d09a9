"""Redemptions: one machine takes a number and says what it paid out (protocol §7)."""

from datetime import datetime, timedelta
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from config.models import Device
from config.states import Stateful, append_only, fixed, guarded, never_deleted
from merchants.models import Merchant, Store
from settlement.models.payments import Payment
from settlement.models.preapprovals import Preapproval


@guarded
class Redemption(Stateful):
    """A pre-approval at a machine, for ``amount_minor`` of what it holds.

    ``request_key``: SHA-256 of the idempotency key it was asked for under, so that the machine can
    take back a request whose answer it never heard. ``journal``: the machine's own words.
    """

    class State(models.TextChoices):
        IN_PROGRESS = "IN_PROGRESS"
        COMPLETED = "COMPLETED"
        REVERSED = "REVERSED"
        SUSPENSE = "SUSPENSE"

    class Outcome(models.TextChoices):
        FULL = "FULL"
        PARTIAL = "PARTIAL"
        NONE = "NONE"
        UNKNOWN = "UNKNOWN"

    TRANSITIONS: ClassVar = {
        State.IN_PROGRESS: frozenset({State.COMPLETED, State.REVERSED, State.SUSPENSE}),
        State.SUSPENSE: frozenset({State.COMPLETED, State.REVERSED}),
    }
    OPEN: ClassVar = frozenset({State.IN_PROGRESS, State.SUSPENSE})

    reference = models.CharField(max_length=32, unique=True)
    preapproval = models.ForeignKey(
        Preapproval, on_delete=models.PROTECT, related_name="redemptions"
    )
    state = models.CharField(max_length=12, choices=State.choices)
    kind = models.CharField(max_length=8, choices=Preapproval.Kind.choices)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+", db_index=False)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+", db_index=False)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    request_key = models.BinaryField(max_length=32, null=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, blank=True)
    dispensed_minor = models.BigIntegerField(default=0)
    item_serial = models.CharField(max_length=64, blank=True)
    journal = models.CharField(max_length=4000, blank=True)
    payment = models.OneToOneField(
        Payment, on_delete=models.PROTECT, null=True, related_name="redemption"
    )
    begun_at = models.DateTimeField()
    suspended_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=64, blank=True)  # who agreed to it at the desk
    resolution = models.CharField(max_length=200, blank=True)  # and why

    class Meta:
        constraints = [
            # Of all machines one pays out, once.
            models.UniqueConstraint(
                fields=["preapproval"],
                condition=~Q(state="REVERSED"),
                name="redemption_one_per_preapproval",
            ),
            models.UniqueConstraint(
                fields=["device", "request_key"], name="redemption_once_per_request"
            ),
            models.UniqueConstraint(
                fields=["merchant", "kind", "item_serial"],
                condition=Q(state="COMPLETED") & ~Q(item_serial=""),
                name="redemption_item_once",
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1), name="redemption_amount_positive"
            ),
            models.CheckConstraint(
                condition=Q(state="COMPLETED", payment__isnull=False, dispensed_minor__gte=1)
                & Q(dispensed_minor__lte=F("amount_minor"))
                | ~Q(state="COMPLETED") & Q(payment=None, dispensed_minor=0),
                name="redemption_completed_iff_paid",
            ),
            models.CheckConstraint(
                condition=Q(kind="CASH") | Q(dispensed_minor__in=[0, F("amount_minor")]),
                name="redemption_item_whole",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["IN_PROGRESS", "SUSPENSE"], ended_at=None)
                | ~Q(state__in=["IN_PROGRESS", "SUSPENSE"]) & Q(ended_at__isnull=False),
                name="redemption_ended_iff_dated",
            ),
            models.CheckConstraint(
                condition=~Q(state="SUSPENSE") | Q(suspended_at__isnull=False),
                name="redemption_suspended_is_dated",
            ),
            models.CheckConstraint(
                condition=Q(resolved_by="", resolution="")
                | ~Q(resolved_by="") & ~Q(resolution="") & Q(suspended_at__isnull=False),
                name="redemption_resolved_from_suspense",
            ),
        ]
        indexes = [
            models.Index(
                fields=["begun_at"],
                condition=Q(state="IN_PROGRESS"),
                name="redemption_to_suspend",
            ),
            models.Index(
                fields=["suspended_at"], condition=Q(state="SUSPENSE"), name="redemption_waiting"
            ),
            models.Index(fields=["merchant", "-id"], name="redemption_newest"),
            models.Index(fields=["device", "-id"], name="redemption_of_machine"),
        ]
        triggers = [
            never_deleted(),
            fixed(
                *("reference", "preapproval", "kind", "merchant", "store", "device"),
                *("amount_minor", "currency", "request_key", "begun_at"),
            ),
            pgtrigger.Trigger(
                name="fits_its_preapproval",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NOT EXISTS (
                        SELECT FROM settlement_preapproval p, config_device d
                         WHERE p.id = NEW.preapproval_id AND d.id = NEW.device_id
                           AND p.state = 'IN_PROGRESS' AND p.kind = NEW.kind
                           AND p.currency = NEW.currency
                           AND (NEW.amount_minor = p.amount_minor
                                OR p.partial AND NEW.amount_minor < p.amount_minor)
                           AND p.bound_kind IN ('', d.kind)
                           AND (p.kind <> 'CASH' OR d.kind = 'ATM')
                           AND COALESCE(p.bound_merchant_id, NEW.merchant_id) = NEW.merchant_id
                           AND COALESCE(p.bound_terminal_id, NEW.device_id) = NEW.device_id
                    ) THEN
                        RAISE EXCEPTION 'redemption % does not fit what was approved',
                            NEW.reference USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="pays_what_was_dispensed",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                timing=pgtrigger.Deferred,
                func="""
                    IF EXISTS (
                        SELECT FROM settlement_redemption r
                          JOIN settlement_preapproval a ON a.id = r.preapproval_id
                          JOIN settlement_payment p ON p.id = r.payment_id
                         WHERE r.id = NEW.id
                           AND (p.channel, p.amount_minor, p.currency, p.device_id, p.card_id,
                                a.dispensed_minor, a.state)
                               IS DISTINCT FROM
                               ('PREAPPROVAL', r.dispensed_minor, r.currency, r.device_id,
                                a.card_id, r.dispensed_minor, 'COMPLETED')
                    ) THEN
                        RAISE EXCEPTION 'redemption % paid something else', NEW.reference
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="desk_needs_two",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                timing=pgtrigger.Deferred,
                condition=pgtrigger.Q(old__state="SUSPENSE") & ~pgtrigger.Q(new__state="SUSPENSE"),
                func="""
                    IF NEW.resolved_by <> '' AND NOT EXISTS (
                        SELECT FROM settlement_suspenseproposal s
                         WHERE s.redemption_id = NEW.id AND s.state = 'AGREED'
                           AND s.outcome = NEW.outcome
                           AND s.dispensed_minor = NEW.dispensed_minor
                           AND s.decided_by <> s.proposed_by
                    ) OR EXISTS (
                        SELECT FROM settlement_suspenseproposal s
                         WHERE s.redemption_id = NEW.id
                           AND (s.state = 'PENDING' OR s.state = 'AGREED' AND NEW.resolved_by = '')
                    ) THEN
                        RAISE EXCEPTION 'redemption % was not decided by two', NEW.reference
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def is_overdue(self, *, at: datetime) -> bool:
        """Return whether the machine has been silent for too long (protocol §7)."""
        life = timedelta(seconds=settings.TTL_S["REDEMPTION"])
        return self.state == self.State.IN_PROGRESS and at >= self.begun_at + life


class ReversedRequest(models.Model):
    """A request to redeem that its machine took back before it arrived: it never counts."""

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+", db_index=False)
    request_key = models.BinaryField(max_length=32)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["device", "request_key"], name="reversedrequest_once_per_key"
            )
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"taken back by {self.device_id}"
