"""A phone's wish to carry a card whose programme has staff agree first (protocol §3.1)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from config.models import Device
from config.states import Stateful, fixed, guarded
from issuers.models.cards import Card, Credential
from issuers.models.issuers import Issuer


@guarded
class CertificateRequest(Stateful):
    """One key on one phone for one card: agreed to, it becomes a credential of that very key."""

    class State(models.TextChoices):
        PENDING = "PENDING"
        AGREED = "AGREED"
        REFUSED = "REFUSED"
        DONE = "DONE"
        WITHDRAWN = "WITHDRAWN"

    TRANSITIONS: ClassVar = {
        State.PENDING: frozenset({State.AGREED, State.REFUSED, State.WITHDRAWN}),
        State.AGREED: frozenset({State.DONE, State.WITHDRAWN}),
    }

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="+")
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="certificate_requests")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    public_key = models.BinaryField(max_length=65)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    requested_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    credential = models.OneToOneField(
        Credential, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["card", "device"],
                condition=Q(state__in=["PENDING", "AGREED"]),
                name="certificaterequest_one_open",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["AGREED", "REFUSED"]) | Q(decided_at__isnull=False),
                name="certificaterequest_decided_is_dated",
            ),
            models.CheckConstraint(
                condition=Q(state="DONE", credential__isnull=False)
                | (~Q(state="DONE") & Q(credential=None)),
                name="certificaterequest_done_iff_credential",
            ),
        ]
        indexes = [
            models.Index(fields=["issuer", "state", "id"], name="certificaterequest_queue"),
            models.Index(fields=["device", "card"], name="certificaterequest_newest"),
        ]
        triggers = [fixed("issuer", "card", "device", "public_key", "requested_at")]

    def __str__(self) -> str:
        return f"{self.card} on {self.device}"
