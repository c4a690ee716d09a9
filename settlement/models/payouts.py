"""What a merchant is owed for a business day: the record, and which payments stand in it."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from config.states import Stateful, append_only, fixed, guarded
from merchants.models import Merchant
from settlement.models.guards import never_deleted, refers
from settlement.models.ledger import Posting
from settlement.models.payments import Payment


@guarded
class Payout(Stateful):
    """One business day of a merchant in one currency, drawn up once after the day has ended.

    DRAFT: a reader still missed batches when it was drawn up. CLOSED: nothing is missing. What
    posts later goes into the payout of a later day; the figures of this one never change.
    """

    class State(models.TextChoices):
        DRAFT = "DRAFT"
        CLOSED = "CLOSED"

    TRANSITIONS: ClassVar = {State.DRAFT: frozenset({State.CLOSED})}

    reference = models.CharField(max_length=32)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="payouts", db_index=False
    )
    business_date = models.DateField()  # the merchant's
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=8, choices=State.choices)
    sales = models.PositiveIntegerField()
    sales_minor = models.BigIntegerField()
    reversals = models.PositiveIntegerField()
    reversals_minor = models.BigIntegerField()
    losses_minor = models.BigIntegerField()  # borne by the merchant, less those taken back
    fees_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()  # negative where more was taken back than sold
    incomplete = models.JSONField(default=list)  # why, as it was drawn up: one object a reader
    posting = models.OneToOneField(
        Posting, on_delete=models.PROTECT, null=True, related_name="payout"
    )  # None: there was nothing to charge
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reference"], name="payout_reference_once"),
            models.UniqueConstraint(
                fields=["merchant", "business_date", "currency"], name="payout_once_per_day"
            ),
            models.CheckConstraint(
                condition=Q(
                    net_minor=F("sales_minor")
                    - F("reversals_minor")
                    - F("losses_minor")
                    - F("fees_minor")
                ),
                name="payout_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(state="CLOSED", closed_at__isnull=False)
                | Q(state="DRAFT", closed_at=None),
                name="payout_closed_iff_dated",
            ),
        ]
        indexes = [models.Index(fields=["merchant", "-id"], name="payout_newest")]
        triggers = [
            never_deleted(),
            fixed(
                *("reference", "merchant", "business_date", "currency", "sales", "sales_minor"),
                *("reversals", "reversals_minor", "losses_minor", "fees_minor", "net_minor"),
                *("incomplete", "posting", "created_at"),
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class PayoutLine(models.Model):
    """A sale or its reversal in the one payout that holds it; amounts stand in the payment."""

    id = models.BigAutoField(primary_key=True)
    payout = models.ForeignKey(
        Payout,
        on_delete=models.PROTECT,
        related_name="lines",
        db_index=False,
        db_constraint=False,
    )
    payment = models.ForeignKey(
        Payment,
        on_delete=models.PROTECT,
        related_name="payout_lines",
        db_index=False,
        db_constraint=False,
    )
    reversal = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["payment", "reversal"], name="payoutline_once")
        ]
        indexes = [models.Index(fields=["payout", "id"], name="payoutline_of")]
        triggers = [
            append_only(),
            refers(payout_id="settlement_payout", payment_id="settlement_payment"),
        ]

    def __str__(self) -> str:
        return f"{self.payment} in {self.payout}"
