"""Issuers that decide in a system of their own, and what they are asked there."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q

from config.models import Device
from config.states import Stateful, fixed, guarded, never_deleted
from issuers.models.cards import Card
from issuers.models.issuers import Issuer


class Authoriser(models.Model):
    """The issuer's own system. Its row stays when it is no longer asked: advice still goes there.

    ``token``: the bearer token for it, sealed.
    """

    issuer = models.OneToOneField(Issuer, on_delete=models.PROTECT, related_name="authoriser")
    url = models.CharField(max_length=200)
    token = models.BinaryField()
    is_asked = models.BooleanField(default=True)
    set_at = models.DateTimeField()

    class Meta:
        triggers = [never_deleted(), fixed("issuer")]

    def __str__(self) -> str:
        return self.url


@guarded
class RemoteAuthorisation(Stateful):
    """A payment that its issuer's own system decides on. ``document``: the payment's reference.

    The row is the outbox: ASKED goes out until ``deadline_at``, REVERSAL_DUE until the issuer has
    acknowledged it, in either case when ``next_at`` has come. ``attempts`` counts the sendings
    since the state began, and tells who took a row on last. ``refunded_minor``: what the issuer is
    told of as given back, the sum of its :class:`RefundAdvice`.
    """

    class State(models.TextChoices):
        ASKED = "ASKED"
        APPROVED = "APPROVED"
        DECLINED = "DECLINED"
        REVERSAL_DUE = "REVERSAL_DUE"
        REVERSED = "REVERSED"

    TRANSITIONS: ClassVar = {
        State.ASKED: frozenset({State.APPROVED, State.DECLINED, State.REVERSAL_DUE}),
        State.APPROVED: frozenset({State.REVERSAL_DUE}),
        State.REVERSAL_DUE: frozenset({State.REVERSED}),
    }

    document = models.CharField(max_length=32, unique=True)
    authoriser = models.ForeignKey(
        Authoriser, on_delete=models.PROTECT, related_name="asked", db_index=False
    )
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="+", db_index=False)
    phone = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+", db_index=False)
    merchant = models.CharField(max_length=32)  # reference
    amount_minor = models.BigIntegerField()  # DE 4
    currency = models.CharField(max_length=3)  # DE 49
    refunded_minor = models.BigIntegerField(default=0, db_default=0)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ASKED)
    asked_at = models.DateTimeField()
    deadline_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)  # ASKED no more, or due back
    reversed_at = models.DateTimeField(null=True, blank=True)  # acknowledged
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1), name="remoteauthorisation_amount_positive"
            ),
            models.CheckConstraint(
                condition=Q(deadline_at__gt=F("asked_at")), name="remoteauthorisation_has_time"
            ),
            models.CheckConstraint(
                condition=Q(state="ASKED", ended_at=None)
                | ~Q(state="ASKED") & Q(ended_at__isnull=False),
                name="remoteauthorisation_asked_until_it_ends",
            ),
            models.CheckConstraint(
                condition=Q(state="REVERSED", reversed_at__isnull=False)
                | ~Q(state="REVERSED") & Q(reversed_at=None),
                name="remoteauthorisation_reversed_iff_dated",
            ),
            # Never more than was approved, and nothing of what is taken back whole.
            models.CheckConstraint(
                condition=Q(refunded_minor=0)
                | Q(state="APPROVED", refunded_minor__gt=0, refunded_minor__lte=F("amount_minor")),
                name="remoteauthorisation_refunded_within_amount",
            ),
        ]
        indexes = [
            models.Index(
                fields=["authoriser", "state", "next_at"],
                condition=Q(state__in=["ASKED", "REVERSAL_DUE"]),
                name="remoteauthorisation_to_send",
            ),
            models.Index(
                fields=["deadline_at"],
                condition=Q(state="ASKED"),
                name="remoteauthorisation_to_end",
            ),
            models.Index(
                fields=["card"], condition=Q(state="ASKED"), name="remoteauthorisation_velocity"
            ),
        ]
        triggers = [
            never_deleted(),
            fixed(
                *("document", "authoriser", "card", "phone", "merchant", "amount_minor"),
                *("currency", "asked_at", "deadline_at"),
            ),
        ]

    def __str__(self) -> str:
        return self.document


@guarded
class RefundAdvice(Stateful):
    """What a refund gave back to the card, to be told to the issuer that had approved the payment.

    ``reference``: the refund's. DUE goes out when ``next_at`` has come, until the issuer has
    acknowledged it; ``attempts`` counts the sendings, and tells who took a row on last.
    """

    class State(models.TextChoices):
        DUE = "DUE"
        TOLD = "TOLD"

    TRANSITIONS: ClassVar = {State.DUE: frozenset({State.TOLD})}

    reference = models.CharField(max_length=32)
    authorisation = models.ForeignKey(
        RemoteAuthorisation,
        on_delete=models.PROTECT,
        to_field="document",
        db_column="document",
        related_name="refunds",
        db_index=False,
    )
    authoriser = models.ForeignKey(
        Authoriser, on_delete=models.PROTECT, related_name="refunds", db_index=False
    )
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=4, choices=State.choices, default=State.DUE)
    due_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)  # acknowledged
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reference"], name="refundadvice_once_a_refund"),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1), name="refundadvice_amount_positive"
            ),
            models.CheckConstraint(
                condition=Q(state="TOLD", told_at__isnull=False)
                | ~Q(state="TOLD") & Q(told_at=None),
                name="refundadvice_told_iff_dated",
            ),
        ]
        indexes = [
            models.Index(fields=["authorisation"], name="refundadvice_document"),
            models.Index(
                fields=["authoriser", "next_at"],
                condition=Q(state="DUE"),
                name="refundadvice_to_send",
            ),
        ]
        triggers = [
            never_deleted(),
            fixed(
                *("reference", "authorisation", "authoriser", "amount_minor", "currency"),
                "due_at",
            ),
            # The approval keeps the sum, and its CHECK the bound: both only guard what adds up.
            pgtrigger.Trigger(
                name="adds_up",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="""
                    IF (SELECT r.refunded_minor <> sum(a.amount_minor)
                               OR bool_or((a.currency, a.authoriser_id)
                                          <> (r.currency, r.authoriser_id))
                          FROM issuers_remoteauthorisation r
                          JOIN issuers_refundadvice a ON a.document = r.document
                         WHERE r.document = NEW.document GROUP BY r.id) THEN
                        RAISE EXCEPTION 'the advice of refunds of % does not add up', NEW.document
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.reference
