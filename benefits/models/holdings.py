"""What customers hold: coupons by use, points by lot, gift cards by balance."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q

from benefits.models.definitions import Definition
from config.states import Stateful, fixed, guarded, never_deleted
from wallets.models import Customer


def _backed_by_lots(name: str, holding: str) -> pgtrigger.Trigger:
    """Return the trigger that wants the lots of points to make what is free of their holding."""
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update,
        timing=pgtrigger.Deferred,
        func=f"""
            IF (SELECT h.kind = 'POINTS' AND h.balance_minor - h.held_minor <>
                       COALESCE((SELECT sum(l.left_minor) FROM benefits_lot l
                                  WHERE l.holding_id = h.id), 0)
                  FROM benefits_holding h WHERE h.id = NEW.{holding}) THEN
                RAISE EXCEPTION 'the lots of holding % do not make its points', NEW.{holding}
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        """,  # noqa: S608  (column names of these models, never input)
    )


@guarded
class Holding(Stateful):
    """One benefit of one customer, under the ``key`` it was granted once by.

    By use: ``uses`` were granted (None: without end), of which ``used`` are gone and ``uses_held``
    at a till. POINTS and GIFT_CARD are by balance instead, a position as an account's: settlement
    keeps the liability in the ledger under ``reference``. Minor units of the definition's currency.
    """

    class State(models.TextChoices):
        ACTIVE = "ACTIVE"
        USED = "USED"
        EXPIRED = "EXPIRED"
        WITHDRAWN = "WITHDRAWN"

    TRANSITIONS: ClassVar = {
        State.ACTIVE: frozenset({State.USED, State.EXPIRED, State.WITHDRAWN}),
        State.USED: frozenset({State.ACTIVE}),
        State.EXPIRED: frozenset({State.ACTIVE}),
    }

    reference = models.CharField(max_length=32, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="holdings")
    definition = models.ForeignKey(
        Definition, on_delete=models.PROTECT, related_name="holdings", db_index=False
    )
    kind = models.CharField(max_length=16)  # the definition's
    key = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)
    uses = models.PositiveIntegerField(null=True)
    used = models.PositiveIntegerField(default=0)
    uses_held = models.PositiveIntegerField(default=0)
    balance_minor = models.BigIntegerField(null=True)
    held_minor = models.BigIntegerField(default=0)
    identifier = models.BinaryField(null=True)  # of a cash receipt, sealed
    identifier_tail = models.CharField(max_length=4, blank=True)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    granted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["definition", "customer", "key"], name="holding_granted_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["POINTS", "GIFT_CARD"], uses=None, balance_minor__isnull=False
                )
                | ~Q(kind__in=["POINTS", "GIFT_CARD"]) & Q(balance_minor=None),
                name="holding_by_use_or_by_balance",
            ),
            models.CheckConstraint(
                condition=Q(uses=None) | Q(uses__gte=F("used") + F("uses_held")),
                name="holding_uses_not_overrun",
            ),
            models.CheckConstraint(
                condition=Q(held_minor__gte=0)
                & (Q(balance_minor=None, held_minor=0) | Q(balance_minor__gte=F("held_minor"))),
                name="holding_balance_not_overrun",
            ),
            models.CheckConstraint(
                condition=Q(kind="CASH_RECEIPT", identifier__isnull=False)
                | ~Q(kind="CASH_RECEIPT") & Q(identifier=None),
                name="holding_receipt_has_identifier",
            ),
        ]
        indexes = [
            models.Index(
                fields=["ends_at"],
                condition=Q(state="ACTIVE", ends_at__isnull=False),
                name="holding_to_expire",
            )
        ]
        triggers = [
            never_deleted(),
            fixed("reference", "customer", "definition", "kind", "key", "granted_at"),
            _backed_by_lots("points_are_lots", "id"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def uses_left(self) -> int:
        """Return how often it can still be taken; 1 where there is no end of it."""
        return 1 if self.uses is None else self.uses - self.used - self.uses_held

    @property
    def available_minor(self) -> int:
        """Return what of the balance no till holds; of points some may have expired meanwhile."""
        return (self.balance_minor or 0) - self.held_minor


class Lot(models.Model):
    """Points that came together and expire together, spent oldest expiry first."""

    holding = models.ForeignKey(
        Holding, on_delete=models.PROTECT, related_name="lots", db_index=False
    )
    key = models.CharField(max_length=64)
    granted_minor = models.BigIntegerField()
    left_minor = models.BigIntegerField()
    expires_at = models.DateTimeField(null=True, blank=True)
    granted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["holding", "key"], name="lot_granted_once"),
            models.CheckConstraint(
                condition=Q(left_minor__gte=0) & Q(left_minor__lte=F("granted_minor")),
                name="lot_left_within_granted",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(left_minor__gt=0, expires_at__isnull=False),
                name="lot_to_expire",
            )
        ]
        triggers = [
            never_deleted(),
            fixed("holding", "key", "granted_minor", "expires_at", "granted_at"),
            _backed_by_lots("lots_are_points", "holding_id"),
        ]

    def __str__(self) -> str:
        return f"lot of {self.holding_id}"
