"""Redemptions: benefits taken for one payment, line by line, and what came back of them."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q

from benefits.models.definitions import BudgetSlot
from benefits.models.holdings import Holding, Lot
from benefits.models.plans import Plan
from config.states import Stateful, append_only, fixed, guarded, never_deleted
from merchants.models import Merchant, Store


def _adds_up(redemption: str) -> pgtrigger.Trigger:
    """Return the trigger that wants the lines to be the purchase less the remainder."""
    return pgtrigger.Trigger(
        name="adds_up",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        timing=pgtrigger.Deferred,
        func=f"""
            IF (SELECT r.purchase_minor - r.remainder_minor <>
                       COALESCE((SELECT sum(l.amount_minor) FROM benefits_lock l
                                  WHERE l.redemption_id = r.id), 0)
                  FROM benefits_redemption r WHERE r.id = NEW.{redemption}) THEN
                RAISE EXCEPTION 'the lines of redemption % are not what is off', NEW.{redemption}
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        """,  # noqa: S608  (column names of these models, never input)
    )


@guarded
class Redemption(Stateful):
    """What one document of settlement (a checkout, a payment) takes of a plan.

    HELD while it is at the till. The lines are the purchase less the remainder. All minor units of
    ``currency``. ``refunded_minor``: of the purchase, so far.
    """

    class State(models.TextChoices):
        HELD = "HELD"
        COMMITTED = "COMMITTED"
        RELEASED = "RELEASED"

    TRANSITIONS: ClassVar = {State.HELD: frozenset({State.COMMITTED, State.RELEASED})}

    document = models.CharField(max_length=32, unique=True)
    plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, related_name="redemptions", db_index=False
    )
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    purchase_minor = models.BigIntegerField()
    remainder_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField(default=0)
    tender = models.CharField(max_length=8, blank=True)  # CASH, CARD or PSN, once committed
    state = models.CharField(max_length=12, choices=State.choices, default=State.HELD)
    taken_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["plan"],
                condition=Q(state__in=["HELD", "COMMITTED"]),
                name="redemption_one_per_plan",
            ),
            models.CheckConstraint(
                condition=Q(purchase_minor__gte=1)
                & Q(remainder_minor__gte=0)
                & Q(remainder_minor__lte=F("purchase_minor"))
                & Q(refunded_minor__gte=0)
                & Q(refunded_minor__lte=F("purchase_minor")),
                name="redemption_amounts_in_order",
            ),
            models.CheckConstraint(
                condition=Q(state="HELD", ended_at=None)
                | ~Q(state="HELD") & Q(ended_at__isnull=False),
                name="redemption_held_until_ended",
            ),
            models.CheckConstraint(
                condition=Q(state="COMMITTED", tender__in=["CASH", "CARD", "PSN", "NONE"])
                | ~Q(state="COMMITTED") & Q(tender="", refunded_minor=0),
                name="redemption_committed_with_tender",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "taken_at"], name="redemption_velocity"),
            models.Index(fields=["taken_at"], condition=Q(state="HELD"), name="redemption_held"),
            models.Index(
                fields=["ended_at"], condition=Q(state="COMMITTED"), name="redemption_by_day"
            ),
        ]
        triggers = [
            never_deleted(),
            fixed(
                *("document", "plan", "merchant", "store", "currency"),
                *("purchase_minor", "remainder_minor", "taken_at"),
            ),
            _adds_up("id"),
        ]

    def __str__(self) -> str:
        return self.document


@guarded
class Lock(Stateful):
    """One line of a redemption: what of a holding it takes, and from which slot of a budget."""

    class State(models.TextChoices):
        HELD = "HELD"
        COMMITTED = "COMMITTED"
        RELEASED = "RELEASED"

    TRANSITIONS: ClassVar = {State.HELD: frozenset({State.COMMITTED, State.RELEASED})}

    redemption = models.ForeignKey(
        Redemption, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    holding = models.ForeignKey(Holding, on_delete=models.PROTECT, related_name="locks")
    slot = models.ForeignKey(BudgetSlot, on_delete=models.PROTECT, null=True, related_name="+")
    turn = models.PositiveSmallIntegerField()  # its place among the lines
    amount_minor = models.BigIntegerField()  # 0 for what is attached only
    restored_minor = models.BigIntegerField(default=0)
    use_restored = models.BooleanField(default=False)
    why = models.JSONField()  # {code, facts}: the ground and figures of the line
    state = models.CharField(max_length=12, choices=State.choices, default=State.HELD)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["redemption", "holding"], name="lock_once_per_holding"),
            models.UniqueConstraint(fields=["redemption", "turn"], name="lock_one_per_turn"),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=0)
                & Q(restored_minor__gte=0)
                & Q(restored_minor__lte=F("amount_minor")),
                name="lock_restored_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(state="COMMITTED") | Q(restored_minor=0, use_restored=False),
                name="lock_restored_after_commit",
            ),
        ]
        triggers = [
            never_deleted(),
            fixed("redemption", "holding", "slot", "turn", "amount_minor", "why"),
            _adds_up("redemption_id"),
        ]

    def __str__(self) -> str:
        return f"line {self.turn} of {self.redemption_id}"


class LotTake(models.Model):
    """What of a lot a line took; ``back_minor``: given back, released or refunded."""

    lock = models.ForeignKey(Lock, on_delete=models.PROTECT, related_name="takes", db_index=False)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField()
    back_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lock", "lot"], name="lottake_once_per_lot"),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1)
                & Q(back_minor__gte=0)
                & Q(back_minor__lte=F("amount_minor")),
                name="lottake_back_within_amount",
            ),
        ]
        triggers = [never_deleted(), fixed("lock", "lot", "amount_minor")]

    def __str__(self) -> str:
        return f"{self.amount_minor} of lot {self.lot_id}"


class Restoration(models.Model):
    """What a refund gave back of a redemption, once per ``key``; never changed."""

    redemption = models.ForeignKey(
        Redemption, on_delete=models.PROTECT, related_name="restorations", db_index=False
    )
    key = models.CharField(max_length=64)  # the refund's reference
    amount_minor = models.BigIntegerField()  # of the purchase
    tender_minor = models.BigIntegerField()  # to the means the remainder was paid with
    told = models.JSONField()  # what came back line by line, as it was answered
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["redemption", "key"], name="restoration_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1) & Q(tender_minor__gte=0),
                name="restoration_amounts_sane",
            ),
        ]
        indexes = [models.Index(fields=["at"], name="restoration_by_day")]
        triggers = [append_only()]

    def __str__(self) -> str:
        return self.key
