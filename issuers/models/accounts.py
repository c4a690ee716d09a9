"""A card account's position, as an authorisation system keeps it."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from config.states import Stateful, guarded
from issuers.models.issuers import Programme


@guarded
class Account(Stateful):
    """What a holder has or owes. All amounts are minor units of ``currency``.

    ``balance_minor`` is the holder's own money (CREDIT: 0 or negative, what is owed). Available is
    limit + balance - held - offline reserve, and never below zero: what must post beyond that is a
    debt.
    """

    class State(models.TextChoices):
        OPEN = "OPEN"
        CLOSED = "CLOSED"

    TRANSITIONS: ClassVar = {State.OPEN: frozenset({State.CLOSED})}

    reference = models.CharField(max_length=32, unique=True)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="accounts")
    holder = models.CharField(max_length=32, db_index=True)  # the customer's reference
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    limit_minor = models.BigIntegerField(default=0)
    balance_minor = models.BigIntegerField(default=0)
    held_minor = models.BigIntegerField(default=0)
    offline_reserve_minor = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(limit_minor__gte=0)
                & Q(held_minor__gte=0)
                & Q(offline_reserve_minor__gte=0),
                name="account_limit_holds_reserve_not_negative",
            ),
            # What must post beyond it becomes a debt that stands apart.
            models.CheckConstraint(
                condition=Q(
                    limit_minor__gte=F("held_minor")
                    + F("offline_reserve_minor")
                    - F("balance_minor")
                ),
                name="account_available_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def available_minor(self) -> int:
        """Return what an authorisation may still take (mission 6.03)."""
        return self.limit_minor + self.balance_minor - self.held_minor - self.offline_reserve_minor


@guarded
class Hold(Stateful):
    """Money set aside on an account for one document until it is captured or released."""

    class State(models.TextChoices):
        HELD = "HELD"
        CAPTURED = "CAPTURED"
        RELEASED = "RELEASED"

    TRANSITIONS: ClassVar = {State.HELD: frozenset({State.CAPTURED, State.RELEASED})}

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="holds")
    document = models.CharField(max_length=32, unique=True)
    amount_minor = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.HELD)
    held_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gte=1), name="hold_amount_positive")
        ]

    def __str__(self) -> str:
        return f"hold for {self.document}"
