"""Webhooks: where a merchant wants its events sent, and what became of each of them."""

from typing import ClassVar

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from config.states import Stateful, append_only, fixed, guarded, never_deleted
from merchants.models.merchants import Merchant


@pghistory.track(fields=["url", "description", "event_types", "state"])
@guarded
class WebhookEndpoint(Stateful):
    """An address of a merchant, and a cursor over its numbered events.

    Events up to ``cursor`` have become deliveries, or were not asked for.
    """

    class State(models.TextChoices):
        ENABLED = "ENABLED"
        PAUSED = "PAUSED"
        REMOVED = "REMOVED"

    TRANSITIONS: ClassVar = {
        State.ENABLED: frozenset({State.PAUSED, State.REMOVED}),
        State.PAUSED: frozenset({State.ENABLED, State.REMOVED}),
    }

    class PausedBecause(models.TextChoices):
        PERSON = "PERSON"
        FAILING = "FAILING"  # for three days
        GONE = "GONE"  # it answered 410

    reference = models.CharField(max_length=32, unique=True)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="webhooks")
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=80, blank=True)
    event_types = ArrayField(models.CharField(max_length=32), default=list)  # none: every type
    state = models.CharField(max_length=8, choices=State.choices, default=State.ENABLED)
    paused_because = models.CharField(max_length=8, choices=PausedBecause.choices, blank=True)
    cursor = models.BigIntegerField()
    failing_since = models.DateTimeField(null=True)  # the first failure after the last success
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(cursor__gte=0), name="webhook_cursor_from_zero"),
            models.CheckConstraint(
                condition=Q(url__startswith="https://"), name="webhook_https_alone"
            ),
            models.CheckConstraint(
                condition=Q(state="PAUSED") ^ Q(paused_because=""), name="webhook_paused_for_cause"
            ),
        ]
        triggers = [never_deleted(), fixed("reference", "merchant", "created_by", "created_at")]

    def __str__(self) -> str:
        return f"webhook {self.reference}"


class WebhookSecret(models.Model):
    """What an endpoint's messages are signed with; two or three count while one takes over."""

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="secrets")
    number = models.PositiveIntegerField()  # from 1 at each endpoint
    sealed = models.BinaryField()
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "number"], name="webhooksecret_number_once"
            ),
            models.UniqueConstraint(
                fields=["endpoint"], condition=Q(ends_at=None), name="webhooksecret_one_lasts"
            ),
        ]

    def __str__(self) -> str:
        return f"secret {self.number} of {self.endpoint}"


@guarded
class WebhookDelivery(Stateful):
    """One event on its way to one endpoint, or a test message.

    In the database a table of month partitions (RANGE on ``at``). ``at`` is the event's own time,
    so all deliveries of an event lie in one partition, where (endpoint, webhook_id) is unique.
    While it is PENDING ``next_at`` says when it is due; taking it on moves that beyond the lease.
    """

    class State(models.TextChoices):
        PENDING = "PENDING"
        DELIVERED = "DELIVERED"
        FAILED = "FAILED"  # given up
        DROPPED = "DROPPED"  # its endpoint was removed first

    TRANSITIONS: ClassVar = {
        State.PENDING: frozenset({State.DELIVERED, State.FAILED, State.DROPPED}),
        State.DELIVERED: frozenset({State.PENDING}),
        State.FAILED: frozenset({State.PENDING}),
    }

    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries"
    )
    webhook_id = models.CharField(max_length=64)
    seq = models.BigIntegerField(null=True)  # None: a test message
    type = models.CharField(max_length=32)
    at = models.DateTimeField()
    body = models.TextField()  # the JSON that is sent, to the byte
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)  # all of them, replays included
    tries = models.PositiveSmallIntegerField(default=0)  # since it was written or replayed
    next_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(tries__lte=F("attempts")), name="webhookdelivery_tries_are_attempts"
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_at"],
                condition=Q(state="PENDING"),
                name="webhookdelivery_due",
            ),
            models.Index(fields=["endpoint", "-id"], name="webhookdelivery_newest"),
        ]
        triggers = [
            never_deleted(),
            fixed("endpoint", "webhook_id", "seq", "type", "at", "body"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.webhook_id}"


class WebhookAttempt(models.Model):
    """What one attempt met with. A table of month partitions (RANGE on ``at``)."""

    delivery_id = models.BigIntegerField()  # no foreign key: a month of deliveries goes whole
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)  # None: nobody answered
    error = models.CharField(max_length=32, blank=True)  # "timeout", "" for a success
    duration_ms = models.PositiveIntegerField()
    answer = models.BinaryField(max_length=500)  # its first 500 bytes

    class Meta:
        indexes = [models.Index(fields=["delivery_id", "number"], name="webhookattempt_delivery")]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"attempt {self.number}"
