"""Tills that stand in the portal itself: terminals without a machine, and the T-IDs they made."""

from django.db import models
from django.db.models import Q

from config.models import Device
from config.states import append_only, fixed, never_deleted
from merchants.models.merchants import Store


class VirtualTill(models.Model):
    """A store's terminal that the portal plays: number and secret are its ``Equipment``'s.

    ``counter``: of the newest T-ID (25 bits), written under the row's lock before one is used.
    """

    device = models.OneToOneField(Device, on_delete=models.PROTECT, related_name="virtual_till")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="virtual_tills")
    counter = models.PositiveIntegerField(default=0, db_default=0)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store"], condition=Q(closed_at=None), name="virtualtill_one_per_store"
            ),
            models.CheckConstraint(
                condition=Q(counter__lt=2**25), name="virtualtill_counter_25_bits"
            ),
        ]
        triggers = [never_deleted(), fixed("device", "store", "opened_at")]

    def __str__(self) -> str:
        return f"till of {self.store}"


class TillNumber(models.Model):
    """A T-ID that a virtual till made, once per ``key`` of the page it was wished on."""

    till = models.ForeignKey(
        VirtualTill, on_delete=models.PROTECT, related_name="numbers", db_index=False
    )
    key = models.CharField(max_length=64)
    counter = models.PositiveIntegerField()
    tid = models.CharField(max_length=23)
    made_by = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["till", "key"], name="tillnumber_once_per_key"),
            models.UniqueConstraint(fields=["till", "counter"], name="tillnumber_counter_once"),
            models.UniqueConstraint(fields=["tid"], name="tillnumber_tid_once"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return self.tid
