"""The issuer's word on online authorisations: what velocity counts, and what is answered again."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from config.models import Device
from config.states import append_only
from issuers.models.cards import Card


class Authorisation(models.Model):
    """One decision, approved where ``decline_reason`` is empty. ``document``: what was decided."""

    document = models.CharField(max_length=64, unique=True)
    card = models.ForeignKey(
        Card, on_delete=models.PROTECT, related_name="authorisations", db_index=False
    )
    phone = models.ForeignKey(
        Device, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )  # whose counters hold it; None: no phone's
    amount_minor = models.BigIntegerField()  # DE 4
    currency = models.CharField(max_length=3)  # DE 49
    decline_reason = models.CharField(max_length=24, blank=True)
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1), name="authorisation_amount_positive"
            )
        ]
        indexes = [
            # Nearly free to keep, for the list that asks for days: rows lie in the order of time.
            BrinIndex(fields=["decided_at"], name="authorisation_decided"),
            models.Index(
                fields=["card", "-decided_at"],
                condition=Q(decline_reason=""),
                name="authorisation_velocity",
            ),
            models.Index(
                fields=["card", "-decided_at"],
                condition=~Q(decline_reason=""),
                name="authorisation_declined",
            ),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return self.document
