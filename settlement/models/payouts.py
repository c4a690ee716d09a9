"""What a merchant is owed for a business day: the record, and which payments stand in it."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from config.states import Stateful, append_only, fixed, guarded
from merchants.models import Merchant
from settlement.models.guards import never_deleted, refers
from settlement.models.ledger import Posting
from settlement.models.payments import Payment
from settlement.models.requests import Refund


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
    reversals = models.PositiveIntegerField()  # refunds among them, here and below
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
    """A sale, its reversal or one of its refunds in the one payout that holds it.

    Amounts stand in the payment, those of a refund in it; a refund is a ``reversal`` too.
    """

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
    refund = models.ForeignKey(
        Refund, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["payment", "reversal"],
                condition=Q(refund=None),
                name="payoutline_once",
            ),
            models.UniqueConstraint(
                fields=["refund"],
                condition=Q(refund__isnull=False),
                name="payoutline_refund_once",
            ),
            models.CheckConstraint(
                condition=Q(refund=None) | Q(reversal=True), name="payoutline_refund_gives_back"
            ),
        ]
        indexes = [models.Index(fields=["payout", "id"], name="payoutline_of")]
        triggers = [
            append_only(),
            refers(payout_id="settlement_payout", payment_id="settlement_payment"),
        ]

    def __str__(self) -> str:
        return f"{self.payment} in {self.payout}"
