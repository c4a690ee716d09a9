"""Plans: what a customer means to use at the next till, behind one number."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from benefits.models.holdings import Holding
from config.models import Device
from config.states import Stateful, append_only, fixed, guarded, never_deleted
from issuers.models import Card
from merchants.models import Merchant
from wallets.models import Customer


@guarded
class Plan(Stateful):
    """Benefits chosen before paying; its TSN is kept as a keyed hash only (protocol §2).

    ISSUED: the number is good. LOCKED: it is at a till. ``max_amount_minor`` is of the card's
    currency: what its PSN may pay at most, at ``merchant`` alone where there is one.
    """

    class State(models.TextChoices):
        ISSUED = "ISSUED"
        LOCKED = "LOCKED"
        CONSUMED = "CONSUMED"
        EXPIRED = "EXPIRED"
        CANCELLED = "CANCELLED"

    class Ending(models.TextChoices):
        NEWER_PLAN = "NEWER_PLAN"
        WRONG_PSN = "WRONG_PSN"

    TRANSITIONS: ClassVar = {
        State.ISSUED: frozenset({State.LOCKED, State.EXPIRED, State.CANCELLED}),
        State.LOCKED: frozenset({State.ISSUED, State.CONSUMED, State.EXPIRED, State.CANCELLED}),
    }

    reference = models.CharField(max_length=32, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="plans")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+", db_index=False)
    card = models.ForeignKey(Card, on_delete=models.PROTECT, null=True, related_name="+")
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, null=True, related_name="+")
    max_amount_minor = models.BigIntegerField(null=True)
    tsn_hash = models.BinaryField(max_length=32, unique=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ISSUED)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    psn_expires_at = models.DateTimeField(null=True)
    psn_used_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=12, choices=Ending.choices, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["device"], condition=Q(state="ISSUED"), name="plan_one_live_tsn_per_phone"
            ),
            models.CheckConstraint(
                condition=Q(card=None, max_amount_minor=None, psn_expires_at=None, psn_used_at=None)
                | Q(card__isnull=False, max_amount_minor__gte=1, psn_expires_at__isnull=False),
                name="plan_psn_has_card_and_most",
            ),
            models.CheckConstraint(
                condition=Q(psn_used_at=None) | Q(psn_used_at__lt=F("psn_expires_at")),
                name="plan_psn_used_in_time",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["ISSUED", "LOCKED"], ended_at=None)
                | ~Q(state__in=["ISSUED", "LOCKED"]) & Q(ended_at__isnull=False),
                name="plan_ended_iff_dated",
            ),
            models.CheckConstraint(
                condition=Q(state="CANCELLED") & ~Q(ending="") | ~Q(state="CANCELLED", ending=""),
                name="plan_cancelled_with_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="ISSUED"), name="plan_to_expire")
        ]
        triggers = [
            never_deleted(),
            fixed(
                *("reference", "customer", "device", "card", "merchant", "max_amount_minor"),
                *("tsn_hash", "made_at", "expires_at", "psn_expires_at"),
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class PlanSelection(models.Model):
    """One benefit of a plan; ``amount_minor``: the most to use of it, None for its own most."""

    plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, related_name="selections", db_index=False
    )
    holding = models.ForeignKey(Holding, on_delete=models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "holding"], name="planselection_once"),
            models.CheckConstraint(
                condition=Q(amount_minor=None) | Q(amount_minor__gte=1),
                name="planselection_amount_positive",
            ),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.holding_id} in {self.plan_id}"


class WrongNumber(models.Model):
    """A number typed or scanned at a terminal that was none; ten in 30 minutes lock it."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["device", "at"], name="wrongnumber_recent")]

    def __str__(self) -> str:
        return f"{self.device_id} at {self.at}"
