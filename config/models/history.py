"""History: what happened (events), what people did (audit), what needs someone (alerts, jobs)."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from config.models import numbering
from config.states import Stateful, append_only, guarded, never_deleted


class Event(models.Model):
    """One state change of one thing. Commits without ``seq``; the sequencer numbers it once.

    In the database a table of month partitions (RANGE on ``at``), so its primary key there is
    (id, at). (scope, seq) is unique in each partition, and for ever by ``takes_next_numbers``.
    """

    scope = models.CharField(max_length=32)  # the merchant's reference
    seq = models.BigIntegerField(null=True)
    type = models.CharField(max_length=32)
    subject = models.CharField(max_length=32)  # reference of the payment, refund or batch
    at = models.DateTimeField()
    body = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(seq=None) | Q(seq__gte=1), name="event_seq_from_one"
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(seq=None), name="event_unnumbered"),
            models.Index(fields=["subject"], name="event_subject"),
        ]
        triggers = [
            never_deleted(),
            numbering.born_without(),
            numbering.numbered_once(),
            numbering.takes_next_numbers(),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"


class EventHead(models.Model):
    """The newest ``seq`` given out in a scope; only numbering events moves it.

    At ``floor`` and below, retention has dropped whole months: events may be missing there, above
    it none is.
    """

    scope = models.CharField(max_length=32, primary_key=True)
    seq = models.BigIntegerField(default=0)
    floor = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(floor__gte=0, floor__lte=F("seq")), name="eventhead_floor_up_to_seq"
            )
        ]
        triggers = [never_deleted(), numbering.head_follows()]

    def __str__(self) -> str:
        return f"{self.scope} at {self.seq}"


class Audit(models.Model):
    """What a person, device or command did: append-only, each row bound to the one before it."""

    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=8)  # USER DEVICE KEY COMMAND SYSTEM
    actor = models.CharField(max_length=64)
    tenant = models.CharField(max_length=32, blank=True)
    action = models.CharField(max_length=48)  # "blacklist.block"
    subject_kind = models.CharField(max_length=32)
    subject = models.CharField(max_length=64)
    reason = models.CharField(max_length=200, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    previous_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32, unique=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["previous_hash"], name="audit_chain_never_forks")
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="audit_tenant"),
            models.Index(fields=["subject_kind", "subject"], name="audit_subject"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"


class Alert(models.Model):
    """Something a person must look at; cleared, never deleted."""

    kind = models.CharField(max_length=32)  # "ota_undelivered", "record_forged"
    tenant = models.CharField(max_length=32)
    subject = models.CharField(max_length=64)
    detail = models.CharField(max_length=300)
    raised_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(cleared_at=None),
                name="alert_open_once_per_subject",
            )
        ]
        indexes = [models.Index(fields=["tenant", "-raised_at"], name="alert_tenant")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


@guarded
class Job(Stateful):
    """Work of more than two seconds, with progress, cancel and an error file."""

    class State(models.TextChoices):
        QUEUED = "QUEUED"
        RUNNING = "RUNNING"
        DONE = "DONE"
        DONE_WITH_ERRORS = "DONE_WITH_ERRORS"
        CANCELLED = "CANCELLED"
        FAILED = "FAILED"

    TRANSITIONS: ClassVar = {
        State.QUEUED: frozenset({State.RUNNING, State.CANCELLED, State.FAILED}),
        State.RUNNING: frozenset(
            {State.DONE, State.DONE_WITH_ERRORS, State.CANCELLED, State.FAILED}
        ),
    }

    reference = models.CharField(max_length=32, unique=True)
    kind = models.CharField(max_length=32)
    tenant = models.CharField(max_length=32)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    total = models.PositiveIntegerField(default=0)
    finished = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    cancel_asked = models.BooleanField(default=False)
    arguments = models.JSONField(default=dict)
    source = models.BinaryField(null=True)  # the uploaded file, for a restart
    errors = models.JSONField(default=list)  # rows of the error file: row, column, code, message
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(finished__lte=F("total")), name="job_finished_within_total"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class FilePart(models.Model):
    """Some lines of a list that a job writes as a file: compressed (zlib), in order, until the file
    expires. They commit with the job's progress."""

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="filepart_once_in_a_file")
        ]

    def __str__(self) -> str:
        return f"part {self.number} of {self.job_id}"


class Heartbeat(models.Model):
    """When a process was last alive, for ``/healthz``."""

    part = models.CharField(max_length=16, primary_key=True)
    at = models.DateTimeField()
    detail = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.part} at {self.at}"
