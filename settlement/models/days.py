"""What merchants take per business day: sums that postings keep, and days closed by hand."""

from django.db import models

from config.states import append_only
from merchants.models import Merchant
from settlement.models.guards import refers
from settlement.models.payments import Payment


class MerchantDay(models.Model):
    """What one merchant took on one business day over one channel, kept by the postings."""

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="days")
    business_date = models.DateField()
    channel = models.CharField(max_length=12, choices=Payment.Channel.choices)
    currency = models.CharField(max_length=3)
    sales = models.PositiveIntegerField(default=0)
    sales_minor = models.BigIntegerField(default=0)
    reversals = models.PositiveIntegerField(default=0)
    reversals_minor = models.BigIntegerField(default=0)
    refunds = models.PositiveIntegerField(default=0, db_default=0)
    refunds_minor = models.BigIntegerField(default=0, db_default=0)
    # How many of them stand in payouts: a day is searched only while the two differ.
    sales_drawn = models.PositiveIntegerField(default=0, db_default=0)
    reversals_drawn = models.PositiveIntegerField(default=0, db_default=0)
    refunds_drawn = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "business_date", "channel", "currency"],
                name="merchantday_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.merchant} {self.business_date}"


class DayChange(models.Model):
    """What one online payment changes in its :class:`MerchantDay`: inserted, never contended for.

    A large merchant's day would be a hot row if each approval updated it. The changes wait here
    until :func:`settlement.services.days.roll_up` adds them up; who tells figures adds both.
    """

    id = models.BigAutoField(primary_key=True)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    business_date = models.DateField()
    channel = models.CharField(max_length=12, choices=Payment.Channel.choices)
    currency = models.CharField(max_length=3)
    sales = models.IntegerField(default=0, db_default=0)
    sales_minor = models.BigIntegerField(default=0, db_default=0)
    reversals = models.IntegerField(default=0, db_default=0)
    reversals_minor = models.BigIntegerField(default=0, db_default=0)
    refunds = models.IntegerField(default=0, db_default=0)
    refunds_minor = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        triggers = [refers(merchant_id="merchants_merchant")]

    def __str__(self) -> str:
        return f"change of {self.merchant} {self.business_date}"


class DayClose(models.Model):
    """A merchant's business day closed by hand: what it took until then is cleared."""

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="day_closes")
    business_date = models.DateField()
    closed_by = models.CharField(max_length=64)
    closed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "business_date"], name="dayclose_once_per_day"
            )
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.merchant} {self.business_date}"
