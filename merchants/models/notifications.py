"""The result notification server's memory: registered T-IDs, its datagrams, how far it has read."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from config.states import Stateful, append_only, guarded, never_deleted


@guarded
class ResultNotification(Stateful):
    """Where a terminal waits for the result of one T-ID, and how its newest message fares.

    Protocol §4.2. A payment's state never depends on it.
    """

    class State(models.TextChoices):
        """The protocol's ``delivery``."""

        NONE = "NONE"
        PENDING = "PENDING"
        SENT = "SENT"
        DELIVERED = "DELIVERED"
        UNDELIVERED = "UNDELIVERED"

    TRANSITIONS: ClassVar = {
        State.NONE: frozenset({State.PENDING}),
        State.PENDING: frozenset({State.SENT, State.DELIVERED}),
        State.SENT: frozenset({State.PENDING, State.DELIVERED, State.UNDELIVERED}),
        State.DELIVERED: frozenset({State.PENDING}),
        State.UNDELIVERED: frozenset({State.PENDING, State.DELIVERED}),
    }

    tid = models.CharField(max_length=40)
    number = models.PositiveIntegerField()  # the terminal's
    address = models.GenericIPAddressField()
    port = models.PositiveIntegerField()
    registered_ms = models.BigIntegerField()  # the newest REGISTER's own time
    registered_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.NONE)
    message = models.PositiveIntegerField(default=0)  # the newest message's number; 0: none yet
    nonce = models.BinaryField(max_length=8, null=True)
    told = models.CharField(max_length=12, blank=True)  # the payment's state it tells
    told_at = models.DateTimeField(null=True)
    amount_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    approval_code = models.CharField(max_length=6, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # sendings to this address
    next_at = models.DateTimeField(null=True)
    acked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tid"], name="resultnotification_tid_once"),
            models.CheckConstraint(
                condition=Q(state="NONE", message=0, nonce=None, told="", told_at=None)
                | ~Q(state="NONE")
                & Q(message__gte=1, nonce__isnull=False, told_at__isnull=False)
                & ~Q(told=""),
                name="resultnotification_message_iff_result",
            ),
            models.CheckConstraint(
                condition=Q(state="DELIVERED", acked_at__isnull=False)
                | ~Q(state="DELIVERED") & Q(acked_at=None),
                name="resultnotification_delivered_iff_acked",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["PENDING", "SENT"], next_at__isnull=False)
                | ~Q(state__in=["PENDING", "SENT"]) & Q(next_at=None),
                name="resultnotification_due_iff_on_its_way",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at"],
                condition=Q(next_at__isnull=False),
                name="resultnotification_due",
            ),
            models.Index(fields=["id"], condition=Q(state="NONE"), name="resultnotification_open"),
            models.Index(
                fields=["told_at"], condition=Q(told="APPROVED"), name="resultnotification_told"
            ),
        ]
        triggers = [never_deleted()]

    def __str__(self) -> str:
        return f"result of {self.tid}"


class DatagramRecord(models.Model):
    """One authenticated datagram of a T-ID that went in or out: evidence, written in batches.

    In the database a table of month partitions (RANGE on ``at``), its primary key (id, at).
    """

    at = models.DateTimeField()
    tid = models.CharField(max_length=40)
    direction = models.CharField(max_length=3)  # IN or OUT
    kind = models.CharField(max_length=10)  # as protocol §4.2 names it
    address = models.GenericIPAddressField()
    port = models.PositiveIntegerField()
    state = models.CharField(max_length=10, blank=True)  # what it told
    message = models.PositiveBigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["tid", "at"], name="datagramrecord_tid")]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.kind} {self.direction} of {self.tid}"


class NotificationCursor(models.Model):
    """Up to which event (by id) every process began with what happened before it started."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    event = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="notificationcursor_is_one")]

    def __str__(self) -> str:
        return f"up to {self.event}"


class NotificationProcess(models.Model):
    """What one process of the server counted since it started."""

    name = models.CharField(max_length=80, primary_key=True)
    started_at = models.DateTimeField()
    at = models.DateTimeField()
    counts = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name
