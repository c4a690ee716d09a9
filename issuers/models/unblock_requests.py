"""Taking many cards off the list at once: a wish of one person that another one agrees to."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from config.models import Job
from config.states import Stateful, fixed, guarded
from issuers.models.issuers import Issuer


@guarded
class UnblockRequest(Stateful):
    """Cards to unblock, by id and ascending; ``list_hash`` binds the agreement to exactly these."""

    class State(models.TextChoices):
        PENDING = "PENDING"
        AGREED = "AGREED"
        REFUSED = "REFUSED"
        WITHDRAWN = "WITHDRAWN"

    TRANSITIONS: ClassVar = {
        State.PENDING: frozenset({State.AGREED, State.REFUSED, State.WITHDRAWN})
    }

    reference = models.CharField(max_length=32, unique=True)
    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="unblock_requests")
    cards = ArrayField(models.BigIntegerField())
    list_hash = models.BinaryField(max_length=32)  # SHA-256 of their tokens in this order
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    requested_by = models.CharField(max_length=64)  # the maker
    requested_at = models.DateTimeField()
    decided_by = models.CharField(max_length=64, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["AGREED", "REFUSED"]) | ~Q(decided_by=F("requested_by")),
                name="unblockrequest_second_person",
            ),
            models.CheckConstraint(
                condition=Q(state="PENDING", decided_at=None, decided_by="")
                | (~Q(state="PENDING") & Q(decided_at__isnull=False) & ~Q(decided_by="")),
                name="unblockrequest_decided_iff_dated",
            ),
            models.CheckConstraint(
                condition=Q(state="AGREED", job__isnull=False) | (~Q(state="AGREED") & Q(job=None)),
                name="unblockrequest_agreed_iff_job",
            ),
            models.CheckConstraint(
                condition=Q(cards__len__gte=1), name="unblockrequest_names_cards"
            ),
        ]
        indexes = [models.Index(fields=["issuer", "state", "-id"], name="unblockrequest_queue")]
        triggers = [
            fixed(
                "reference",
                "issuer",
                "cards",
                "list_hash",
                "reason",
                "requested_by",
                "requested_at",
            )
        ]

    def __str__(self) -> str:
        return self.reference
