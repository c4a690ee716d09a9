"""Definitions of benefits: what one is worth, where and when, and what it may cost in all."""

from typing import ClassVar

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from config.states import Stateful, guarded, never_deleted

# As the rules of benefits have them (protocol §6).
KINDS = [
    (kind, kind)
    for kind in (
        *("COUPON_ITEM", "COUPON_PERCENT", "COUPON_FIXED", "GRADE", "CARD_DISCOUNT"),
        *("STAMP", "POINTS", "GIFT_CARD", "CASH_RECEIPT"),
    )
]


def _names() -> "ArrayField[list[str], list[str]]":
    return ArrayField(models.CharField(max_length=64), default=list, blank=True)


@pghistory.track()
@guarded
class Definition(Stateful):
    """What holders of a benefit have: kind, worth and conditions, fixed once published.

    Amounts in minor units of ``currency``, rates in hundredths of a percent, an empty list is no
    condition. Of POINTS and GIFT_CARD the worth is what each holder has.
    """

    class State(models.TextChoices):
        DRAFT = "DRAFT"
        PUBLISHED = "PUBLISHED"
        PAUSED = "PAUSED"
        ENDED = "ENDED"

    TRANSITIONS: ClassVar = {
        State.DRAFT: frozenset({State.PUBLISHED, State.ENDED}),
        State.PUBLISHED: frozenset({State.PAUSED, State.ENDED}),
        State.PAUSED: frozenset({State.PUBLISHED, State.ENDED}),
    }

    reference = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=16, choices=KINDS)
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)
    percent_bps = models.PositiveIntegerField(null=True, blank=True)
    amount_minor = models.BigIntegerField(null=True, blank=True)
    merchants = _names()
    stores = _names()
    skus = _names()
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    valid_days = models.PositiveIntegerField(null=True, blank=True)  # of a holding, from its grant
    min_purchase_minor = models.BigIntegerField(default=0)
    cap_minor = models.BigIntegerField(null=True, blank=True)
    units_most = models.PositiveIntegerField(null=True, blank=True)
    min_spend_minor = models.BigIntegerField(default=0)
    step_minor = models.BigIntegerField(default=1)
    stack_group = models.CharField(max_length=64, blank=True)
    excluded_definitions = _names()
    excluded_groups = _names()
    excluded_kinds = _names()
    priority = models.IntegerField(default=0)
    issuers = _names()
    programmes = _names()
    uses_each = models.PositiveIntegerField(default=1, null=True)  # of one grant; null: no end
    uses_in_all = models.PositiveBigIntegerField(null=True, blank=True)
    budget_minor = models.BigIntegerField(null=True, blank=True)
    grace_days = models.PositiveSmallIntegerField(default=7)  # a refund gives back so long after
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["POINTS", "GIFT_CARD", "CASH_RECEIPT"])
                & Q(percent_bps=None, amount_minor=None)
                | ~Q(kind__in=["POINTS", "GIFT_CARD", "CASH_RECEIPT"])
                & (
                    Q(percent_bps__isnull=False, amount_minor=None)
                    | Q(percent_bps=None, amount_minor__isnull=False)
                ),
                name="definition_worth_share_or_amount",
            ),
            models.CheckConstraint(
                condition=(Q(percent_bps=None) | Q(percent_bps__lte=10_000))
                & (Q(amount_minor=None) | Q(amount_minor__gte=1))
                & (Q(cap_minor=None) | Q(cap_minor__gte=1))
                & (Q(budget_minor=None) | Q(budget_minor__gte=1))
                & Q(min_purchase_minor__gte=0)
                & Q(min_spend_minor__gte=0)
                & Q(step_minor__gte=1)
                & (Q(uses_each=None) | Q(uses_each__gte=1))
                & (Q(units_most=None) | Q(units_most__gte=1)),
                name="definition_limits_sane",
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(starts_at__lt=F("ends_at")),
                name="definition_window_in_order",
            ),
            models.CheckConstraint(
                condition=Q(state="ENDED", ended_at__isnull=False)
                | ~Q(state="ENDED") & Q(ended_at=None),
                name="definition_ended_iff_dated",
            ),
        ]
        triggers = [
            never_deleted(),
            pgtrigger.Trigger(
                name="fixed_once_published",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__published_at__isnull=False),
                func="""
                    IF to_jsonb(OLD) - 'state' - 'ended_at'
                       IS DISTINCT FROM to_jsonb(NEW) - 'state' - 'ended_at' THEN
                        RAISE EXCEPTION 'a published benefit stays as it is'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="published_with_shares",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("state"),
                condition=pgtrigger.Q(new__state="PUBLISHED"),
                func="""
                    IF NEW.published_at IS NULL OR NOT EXISTS
                       (SELECT FROM benefits_costshare WHERE definition_id = NEW.id) THEN
                        RAISE EXCEPTION 'a published benefit has a date and somebody who pays'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BudgetSlot(models.Model):
    """A part of a definition's budget and of its uses in all, taken under a row lock of its own.

    Slots of one definition may pass what is free on to one another; together they stay the whole.
    A size of None is no limit.
    """

    definition = models.ForeignKey(Definition, on_delete=models.PROTECT, related_name="slots")
    size_minor = models.BigIntegerField(null=True)
    taken_minor = models.BigIntegerField(default=0)
    size_uses = models.BigIntegerField(null=True)
    taken_uses = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(taken_minor__gte=0)
                & Q(taken_uses__gte=0)
                & (Q(size_minor=None) | Q(taken_minor__lte=F("size_minor")))
                & (Q(size_uses=None) | Q(taken_uses__lte=F("size_uses"))),
                name="budgetslot_taken_within_size",
            )
        ]
        triggers = [
            never_deleted(),
            pgtrigger.Trigger(
                name="sums_to_budget",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("size_minor", "size_uses"),
                timing=pgtrigger.Deferred,
                func="""
                    IF (SELECT (sum(s.size_minor), sum(s.size_uses))
                               IS DISTINCT FROM (d.budget_minor::numeric, d.uses_in_all::numeric)
                          FROM benefits_budgetslot s
                          JOIN benefits_definition d ON d.id = s.definition_id
                         WHERE d.id = NEW.definition_id
                         GROUP BY d.id) THEN
                        RAISE EXCEPTION 'the slots of a budget do not make the whole'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"slot of {self.definition_id}"
