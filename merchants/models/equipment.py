"""What stands in a shop: terminals, readers, ATMs and relays."""

import pghistory
from django.db import models
from django.db.models import Q

from config.models import Device
from merchants.models.merchants import Merchant, Store


@pghistory.track(fields=["store", "capacity", "floor_minor", "max_unsent_minor", "max_age_days"])
class Equipment(models.Model):
    """A merchant's device: number and secret for terminals, readers and ATMs (protocol §3)."""

    device = models.OneToOneField(Device, on_delete=models.PROTECT, related_name="equipment")
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="equipment")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="equipment")
    number = models.PositiveIntegerField(null=True, unique=True)  # 30 bits, the terminal number
    secret = models.BinaryField(null=True)  # 32 bytes, sealed
    certificate = models.BinaryField(null=True)  # reader certificate (protocol §5)
    certificate_expires_at = models.DateTimeField(null=True)
    capacity = models.PositiveIntegerField(default=500)
    floor_minor = models.BigIntegerField(default=1_000_000)  # one offline payment; EMV 9F1B
    max_unsent_minor = models.BigIntegerField(default=5_000_000)
    max_age_days = models.PositiveSmallIntegerField(default=7)
    unsent_count = models.PositiveIntegerField(null=True)  # as the device last said
    software = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(number=None) | Q(number__lt=2**30), name="equipment_number_30_bits"
            ),
            models.CheckConstraint(
                condition=Q(number=None, secret=None)
                | Q(number__isnull=False, secret__isnull=False),
                name="equipment_number_and_secret_together",
            ),
        ]

    def __str__(self) -> str:
        return str(self.device)
