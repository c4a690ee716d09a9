"""Over-the-air commands to phones (protocol §5.2): the outbox, and what became of each."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from config.models import Device
from config.states import Stateful, guarded
from issuers.models.blacklist import BlacklistEntry
from issuers.models.cards import Card


@guarded
class OtaCommand(Stateful):
    """One command for one card on one phone. ``id`` is its ``seq``; signed when first sent."""

    class Action(models.IntegerChoices):
        BLOCK = 1
        UNBLOCK = 2
        RESET = 3
        CERTIFICATE = 4
        WIPE = 5

    class State(models.TextChoices):
        PENDING = "PENDING"
        SENT = "SENT"
        APPLIED = "APPLIED"
        UNDELIVERED = "UNDELIVERED"

    TRANSITIONS: ClassVar = {
        # PENDING to APPLIED: a newer command overtook it and its acknowledgement covers both.
        State.PENDING: frozenset({State.SENT, State.APPLIED, State.UNDELIVERED}),
        State.SENT: frozenset({State.APPLIED, State.UNDELIVERED}),
        State.UNDELIVERED: frozenset({State.SENT, State.APPLIED}),
    }

    command_id = models.BinaryField(max_length=16, unique=True)
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="commands")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    entry = models.ForeignKey(
        BlacklistEntry, on_delete=models.PROTECT, null=True, related_name="commands"
    )  # the listing that a block announces, or an unblock ends
    version = models.BigIntegerField()
    action = models.PositiveSmallIntegerField(choices=Action.choices)
    body = models.BinaryField(default=b"\xa0")  # CBOR of key 7; an empty map unless said
    signed = models.BinaryField(null=True)  # COSE_Sign1 by the issuer, made at the first sending
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)  # the portal's clock
    acknowledged_version = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["card", "device", "version"], name="otacommand_version_once"
            ),
            models.CheckConstraint(
                condition=~Q(state="APPLIED") | Q(acknowledged_version__isnull=False),
                name="otacommand_applied_only_when_acknowledged",
            ),
        ]
        indexes = [
            models.Index(fields=["device", "id"], name="otacommand_device"),
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=["PENDING", "SENT"]),
                name="otacommand_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} v{self.version}"
