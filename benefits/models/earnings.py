"""What purchases earn: points and stamps, given after the payment."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from benefits.models.definitions import Definition
from benefits.models.holdings import Holding, Lot
from config.states import append_only, fixed, never_deleted
from merchants.models import Merchant
from wallets.models import Customer


class Earning(models.Model):
    """What customers earn at a merchant: of POINTS a share of what they paid, else a stamp each.

    ``gives``: the points, or what a card of ``stamps_needed`` stamps brings once it is full. From
    ``ended_at`` on, which may lie ahead, payments earn nothing by it.
    """

    reference = models.CharField(max_length=32, unique=True)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="earnings")
    gives = models.ForeignKey(Definition, on_delete=models.PROTECT, related_name="earnings")
    points_bps = models.PositiveIntegerField(null=True, blank=True)
    stamps_needed = models.PositiveSmallIntegerField(null=True, blank=True)
    min_purchase_minor = models.BigIntegerField(default=0)  # of what was paid, below it nothing
    lot_days = models.PositiveIntegerField(null=True, blank=True)  # points live so long
    starts_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(points_bps__gte=1, points_bps__lte=10_000, stamps_needed=None)
                | Q(points_bps=None, stamps_needed__gte=1),
                name="earning_points_or_stamps",
            ),
            models.CheckConstraint(
                condition=Q(min_purchase_minor__gte=0), name="earning_minimum_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("starts_at")),
                name="earning_window_in_order",
            ),
        ]
        triggers = [
            never_deleted(),
            fixed(
                *("reference", "merchant", "gives", "points_bps", "stamps_needed"),
                *("min_purchase_minor", "lot_days", "starts_at"),
            ),
            pgtrigger.Trigger(
                name="gives_what_it_can",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF (SELECT CASE WHEN NEW.points_bps IS NULL
                                    THEN kind IN ('POINTS', 'GIFT_CARD', 'CASH_RECEIPT')
                                    ELSE kind <> 'POINTS' END
                          FROM benefits_definition WHERE id = NEW.gives_id) THEN
                        RAISE EXCEPTION 'a rule of points gives points, one of stamps a reward'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class StampCard(models.Model):
    """A customer's stamps towards one reward; a full card brings it once, then a new one begins."""

    earning = models.ForeignKey(
        Earning, on_delete=models.PROTECT, related_name="cards", db_index=False
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    stamps = models.PositiveSmallIntegerField(default=0)
    needed = models.PositiveSmallIntegerField()
    reward = models.OneToOneField(Holding, on_delete=models.PROTECT, null=True, related_name="+")
    begun_at = models.DateTimeField()
    filled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["earning", "customer"],
                condition=Q(filled_at=None),
                name="stampcard_one_open",
            ),
            models.CheckConstraint(
                condition=Q(stamps__lte=F("needed")), name="stampcard_not_overfilled"
            ),
            models.CheckConstraint(
                condition=Q(filled_at=None, reward=None, stamps__lt=F("needed"))
                | Q(filled_at__isnull=False, reward__isnull=False, stamps=F("needed")),
                name="stampcard_filled_with_reward",
            ),
        ]
        triggers = [never_deleted()]

    def __str__(self) -> str:
        return f"{self.stamps} of {self.needed}"


class Accrual(models.Model):
    """What one payment earned by one rule, once; minor units for points, a count of stamps."""

    earning = models.ForeignKey(
        Earning, on_delete=models.PROTECT, related_name="accruals", db_index=False
    )
    document = models.CharField(max_length=32, db_index=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    base_minor = models.BigIntegerField()  # the net eligible amount
    amount = models.BigIntegerField()
    lot = models.OneToOneField(Lot, on_delete=models.PROTECT, null=True, related_name="+")
    card = models.ForeignKey(StampCard, on_delete=models.PROTECT, null=True, related_name="+")
    given_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["earning", "document"], name="accrual_once"),
            models.CheckConstraint(
                condition=Q(amount__gte=1) & Q(base_minor__gte=1), name="accrual_positive"
            ),
            models.CheckConstraint(
                condition=Q(lot__isnull=False, card=None) | Q(lot=None, card__isnull=False),
                name="accrual_points_or_stamp",
            ),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return self.document


class Clawback(models.Model):
    """What a refund took back of an accrual; ``short``: what was spent already."""

    accrual = models.ForeignKey(
        Accrual, on_delete=models.PROTECT, related_name="clawbacks", db_index=False
    )
    key = models.CharField(max_length=64)  # the refund's reference
    amount = models.BigIntegerField()
    short = models.BigIntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["accrual", "key"], name="clawback_once"),
            models.CheckConstraint(
                condition=Q(amount__gte=0) & Q(short__gte=0), name="clawback_not_negative"
            ),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return self.key
