"""Which relays take the bills of which terminals."""

from django.db import models
from django.db.models import F, Q

from config.models import Device


class RelayPairing(models.Model):
    """A relay and a terminal of one merchant that work together until ``ended_at``."""

    relay = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+", db_index=False)
    terminal = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    paired_by = models.CharField(max_length=64)
    paired_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["relay", "terminal"],
                condition=Q(ended_at=None),
                name="relaypairing_once_while_paired",
            ),
            models.CheckConstraint(
                condition=~Q(relay=F("terminal")), name="relaypairing_between_two"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.terminal} at {self.relay}"
