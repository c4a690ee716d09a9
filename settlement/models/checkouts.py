"""Checkouts: what stands in front of a SMART payment, from the quote to its end (protocol §6)."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from benefits.models import Plan, Redemption
from config.models import Device
from config.states import Stateful, append_only, fixed, guarded, never_deleted
from merchants.models import Merchant, Store
from settlement.models.payments import Payment


@guarded
class Checkout(Stateful):
    """One purchase at a till that took a plan. Its lines are those of its redemption.

    Minor units of ``currency``; ``remainder_minor`` is what the benefits left. ``tsn``: the plan's
    number, sealed, as long as the phone is asked: its PIN code is made of it. The payment, once
    there is one, bears the same reference; where the portal moves nothing there is none.
    """

    class State(models.TextChoices):
        QUOTED = "QUOTED"
        CONSENT_REQUIRED = "CONSENT_REQUIRED"
        APPROVING = "APPROVING"
        PAID = "PAID"
        DECLINED = "DECLINED"
        ABANDONED = "ABANDONED"
        EXPIRED = "EXPIRED"
        REVERSED = "REVERSED"

    _ENDS = frozenset({State.PAID, State.DECLINED, State.ABANDONED, State.EXPIRED})
    TRANSITIONS: ClassVar = {
        State.QUOTED: frozenset({State.APPROVING, *_ENDS}),
        State.CONSENT_REQUIRED: frozenset({State.APPROVING, *_ENDS}),
        State.APPROVING: _ENDS - {State.EXPIRED},
        State.PAID: frozenset({State.REVERSED}),
    }
    OPEN: ClassVar = frozenset({State.QUOTED, State.CONSENT_REQUIRED})

    class Tender(models.TextChoices):
        CASH = "CASH"
        CARD = "CARD"  # at the till's own reader, not by the portal
        PSN = "PSN"
        NONE = "NONE"  # nothing was left to pay

    reference = models.CharField(max_length=32, unique=True)
    state = models.CharField(max_length=16, choices=State.choices)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    redemption = models.OneToOneField(
        Redemption, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+", db_index=False)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+", db_index=False)
    payment = models.OneToOneField(
        Payment, on_delete=models.PROTECT, null=True, related_name="checkout"
    )
    order = models.CharField(max_length=64, blank=True)
    amount_minor = models.BigIntegerField()
    remainder_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    skipped = models.JSONField(default=list)  # [{benefit, why, facts}]
    tsn = models.BinaryField(null=True)
    tender = models.CharField(max_length=4, choices=Tender.choices, blank=True)
    decline_reason = models.CharField(max_length=24, blank=True)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1)
                & Q(remainder_minor__gte=0)
                & Q(remainder_minor__lte=F("amount_minor")),
                name="checkout_amounts_in_order",
            ),
            models.CheckConstraint(
                condition=Q(state="CONSENT_REQUIRED", tsn__isnull=False)
                | ~Q(state="CONSENT_REQUIRED") & Q(tsn=None),
                name="checkout_number_while_asking",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["QUOTED", "CONSENT_REQUIRED", "APPROVING"], ended_at=None)
                | ~Q(state__in=["QUOTED", "CONSENT_REQUIRED", "APPROVING"])
                & Q(ended_at__isnull=False),
                name="checkout_ended_iff_dated",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["PAID", "REVERSED"]) & ~Q(tender="")
                | ~Q(state__in=["PAID", "REVERSED"]) & Q(tender=""),
                name="checkout_paid_by_a_tender",
            ),
            models.CheckConstraint(
                condition=Q(state="DECLINED") & ~Q(decline_reason="")
                | ~Q(state="DECLINED") & Q(decline_reason=""),
                name="checkout_declined_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(tender="NONE", remainder_minor=0)
                | ~Q(tender="NONE") & (Q(tender="") | Q(remainder_minor__gte=1)),
                name="checkout_nothing_left_iff_no_tender",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(state__in=["QUOTED", "CONSENT_REQUIRED"]),
                name="checkout_to_expire",
            )
        ]
        triggers = [
            never_deleted(),
            fixed(
                *("reference", "plan", "redemption", "merchant", "store", "device", "order"),
                *("amount_minor", "remainder_minor", "currency", "opened_at", "expires_at"),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def is_over(self, *, at: datetime) -> bool:
        """Return whether its time is up though it still stands open."""
        return self.state in self.OPEN and at >= self.expires_at


class Earned(models.Model):
    """A payment, or a checkout without one, whose points and stamps were given."""

    document = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        triggers = [append_only()]

    def __str__(self) -> str:
        return self.document
