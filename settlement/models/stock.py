"""What machines hand out beside cash: gift certificates and lottery tickets, by serial."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from config.states import Stateful, fixed, guarded, never_deleted
from merchants.models import Merchant
from settlement.models.redemptions import Redemption


@guarded
class StockItem(Stateful):
    """One certificate or ticket of a shop, sold once. ``amount_minor``: its denomination."""

    class Kind(models.TextChoices):
        GIFT = "GIFT"
        LOTTERY = "LOTTERY"

    class State(models.TextChoices):
        AVAILABLE = "AVAILABLE"
        HELD = "HELD"
        SOLD = "SOLD"
        WITHDRAWN = "WITHDRAWN"

    TRANSITIONS: ClassVar = {
        State.AVAILABLE: frozenset({State.HELD, State.WITHDRAWN}),
        State.HELD: frozenset({State.AVAILABLE, State.SOLD}),
    }

    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="stock", db_index=False
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    serial = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.AVAILABLE)
    redemption = models.OneToOneField(
        Redemption, on_delete=models.PROTECT, null=True, related_name="item"
    )
    loaded_at = models.DateTimeField()
    loaded_by = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "kind", "serial"], name="stockitem_serial_once"
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1) & ~Q(serial=""), name="stockitem_has_worth"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["HELD", "SOLD"], redemption__isnull=False)
                | Q(state__in=["AVAILABLE", "WITHDRAWN"], redemption=None),
                name="stockitem_taken_by_a_redemption",
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "kind", "currency", "amount_minor", "id"],
                condition=Q(state="AVAILABLE"),
                name="stockitem_to_sell",
            )
        ]
        triggers = [
            never_deleted(),
            fixed("merchant", "kind", "currency", "amount_minor", "serial", "loaded_at"),
        ]

    def __str__(self) -> str:
        return self.serial
