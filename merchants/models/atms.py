"""ATMs that stand in the portal itself: their notes, and whom they serve."""

from django.db import models
from django.db.models import Q

from config.models import Device
from config.states import fixed, never_deleted
from merchants.models.merchants import Store


class VirtualAtm(models.Model):
    """A store's ATM that the portal plays.

    ``in_doubt``: how many notes moved last is not known, so it gives no cash until somebody counts.
    """

    device = models.OneToOneField(Device, on_delete=models.PROTECT, related_name="virtual_atm")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="virtual_atms")
    in_doubt = models.BooleanField(default=False)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store"], condition=Q(closed_at=None), name="virtualatm_one_per_store"
            ),
        ]
        triggers = [never_deleted(), fixed("device", "store", "opened_at")]

    def __str__(self) -> str:
        return f"ATM of {self.store}"


class Cassette(models.Model):
    """Notes of one denomination, in minor units of the merchant's currency."""

    atm = models.ForeignKey(
        VirtualAtm, on_delete=models.PROTECT, related_name="cassettes", db_index=False
    )
    denomination_minor = models.PositiveBigIntegerField()
    notes = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["atm", "denomination_minor"], name="cassette_one_per_denomination"
            ),
            models.CheckConstraint(
                condition=Q(denomination_minor__gte=1), name="cassette_denomination_positive"
            ),
        ]
        triggers = [never_deleted(), fixed("atm", "denomination_minor")]

    def __str__(self) -> str:
        return f"{self.notes} notes of {self.denomination_minor} in {self.atm}"


class AtmTurn(models.Model):
    """One customer at a virtual ATM, once per ``key`` of the page; the next waits for its end.

    ``redemption``: its reference, "" as long as the number is being asked about.
    """

    atm = models.ForeignKey(
        VirtualAtm, on_delete=models.PROTECT, related_name="turns", db_index=False
    )
    key = models.CharField(max_length=64)
    redemption = models.CharField(max_length=32, blank=True)
    begun_by = models.CharField(max_length=64)
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["atm", "key"], name="atmturn_once_per_key"),
            models.UniqueConstraint(
                fields=["atm"], condition=Q(ended_at=None), name="atmturn_one_at_a_time"
            ),
            models.UniqueConstraint(
                fields=["redemption"],
                condition=~Q(redemption=""),
                name="atmturn_one_per_redemption",
            ),
        ]
        triggers = [never_deleted(), fixed("atm", "key", "begun_by", "begun_at")]

    def __str__(self) -> str:
        return f"turn at {self.atm}"
