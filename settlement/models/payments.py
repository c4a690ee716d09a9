"""Payments: the spine of all five channels (protocol §4)."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q

from config.models import Device
from config.states import Stateful, fixed, guarded, never_deleted
from issuers.models import Card, Credential
from merchants.models import Merchant, Store
from settlement.models.guards import card_of_payer, refers


@guarded
class Payment(Stateful):
    """One purchase, whatever the way it was paid. An OFFLINE one is born APPROVED when it posts."""

    class Channel(models.TextChoices):
        TID = "TID"
        RELAY = "RELAY"
        SMART = "SMART"
        OFFLINE = "OFFLINE"
        PREAPPROVAL = "PREAPPROVAL"

    class State(models.TextChoices):
        REQUESTED = "REQUESTED"
        CLAIMED = "CLAIMED"
        APPROVING = "APPROVING"
        APPROVED = "APPROVED"
        DECLINED = "DECLINED"
        CANCELLED = "CANCELLED"
        EXPIRED = "EXPIRED"
        REVERSED = "REVERSED"

    class Bearer(models.TextChoices):
        CARDHOLDER = "CARDHOLDER"
        ISSUER = "ISSUER"
        MERCHANT = "MERCHANT"

    _ENDS = frozenset({State.APPROVED, State.DECLINED, State.CANCELLED, State.EXPIRED})
    TRANSITIONS: ClassVar = {
        State.REQUESTED: frozenset({State.CLAIMED, *_ENDS}),
        State.CLAIMED: frozenset({State.REQUESTED, State.APPROVING, *_ENDS}),
        State.APPROVING: _ENDS,
        State.APPROVED: frozenset({State.REVERSED}),
    }

    reference = models.CharField(max_length=32)
    channel = models.CharField(max_length=12, choices=Channel.choices)
    state = models.CharField(max_length=12, choices=State.choices)
    amount_minor = models.BigIntegerField()  # DE 4
    currency = models.CharField(max_length=3)  # DE 49
    # The trigger ``refers`` below checks all five, for all rows of a posting at once.
    merchant = models.ForeignKey(
        Merchant,
        on_delete=models.PROTECT,
        related_name="payments",
        db_index=False,
        db_constraint=False,
    )
    store = models.ForeignKey(
        Store,
        on_delete=models.PROTECT,
        related_name="payments",
        db_index=False,
        db_constraint=False,
    )
    device = models.ForeignKey(  # DE 41
        Device, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    card = models.ForeignKey(
        Card, on_delete=models.PROTECT, null=True, related_name="payments", db_constraint=False
    )
    credential = models.ForeignKey(
        Credential,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    atc = models.BigIntegerField(null=True)  # OFFLINE: the card's transaction counter
    approval_code = models.CharField(max_length=6, blank=True)  # DE 38
    order = models.CharField(max_length=64, blank=True)
    decline_reason = models.CharField(max_length=24, blank=True, db_default="")
    refunded_minor = models.BigIntegerField(default=0, db_default=0)  # the sum of its refunds
    bearer = models.CharField(max_length=12, choices=Bearer.choices, default=Bearer.CARDHOLDER)
    bearer_cause = models.CharField(max_length=40, blank=True)
    fee_minor = models.BigIntegerField(default=0)  # by the agreement at the time that counts
    business_date = models.DateField()  # the merchant's
    created_at = models.DateTimeField()  # OFFLINE: the reader's time of the tap
    approved_at = models.DateTimeField(null=True, blank=True)
    # When the portal had decided on a request; never on an OFFLINE one that its reader approved.
    decided_at = models.DateTimeField(null=True, blank=True)
    reversed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Not unique=True: that makes a second index, for LIKE, which nothing here asks.
            models.UniqueConstraint(fields=["reference"], name="payment_reference_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1), name="payment_amount_positive"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["APPROVED", "REVERSED"])
                # What benefits and the till's own cash box paid for needs no card of ours.
                | Q(approved_at__isnull=False) & (Q(card__isnull=False) | Q(channel="SMART")),
                name="payment_approved_by_a_card",
            ),
            models.CheckConstraint(
                condition=~Q(channel="OFFLINE")
                | Q(
                    state__in=["APPROVED", "REVERSED"], credential__isnull=False, atc__isnull=False
                ),
                name="payment_offline_born_approved",
            ),
            models.CheckConstraint(
                condition=Q(state="DECLINED") & ~Q(decline_reason="")
                | ~Q(state="DECLINED") & Q(decline_reason=""),
                name="payment_declined_for_a_reason",
            ),
            # Never more than was paid, and nothing of what was not: a reversal is of the whole.
            models.CheckConstraint(
                condition=Q(refunded_minor=0)
                | Q(state="APPROVED", refunded_minor__gt=0, refunded_minor__lte=F("amount_minor")),
                name="payment_refunded_within_amount",
            ),
            models.UniqueConstraint(
                fields=["credential", "atc"],
                condition=Q(channel="OFFLINE"),
                name="payment_offline_once_per_atc",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "-id"], name="payment_newest"),
            models.Index(fields=["merchant", "business_date"], name="payment_day"),
            models.Index(fields=["approval_code"], name="payment_approval_code"),
        ]
        triggers = [
            never_deleted(),
            # What an approval said, nobody says otherwise later: payouts and reports read it. When
            # the portal decided is written once, by the decision itself.
            pgtrigger.Trigger(
                name="approved_facts",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="""
                    IF OLD.state IN ('APPROVED', 'REVERSED')
                       AND (OLD.bearer, OLD.bearer_cause, OLD.business_date, OLD.created_at,
                            OLD.approved_at, OLD.approval_code, OLD.decided_at, OLD.card_id,
                            OLD.fee_minor)
                           IS DISTINCT FROM
                           (NEW.bearer, NEW.bearer_cause, NEW.business_date, NEW.created_at,
                            NEW.approved_at, NEW.approval_code,
                            CASE WHEN OLD.decided_at IS NOT NULL THEN NEW.decided_at END,
                            NEW.card_id, NEW.fee_minor)
                    OR OLD.state IN ('DECLINED', 'CANCELLED', 'EXPIRED')
                       AND OLD.* IS DISTINCT FROM NEW.*
                    THEN RAISE EXCEPTION 'Cannot update what an approval said'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            card_of_payer(),
            fixed(
                *("reference", "channel", "amount_minor", "currency", "merchant", "atc", "order"),
                *("store", "device", "credential"),
            ),
            refers(
                merchant_id="merchants_merchant",
                store_id="merchants_store",
                device_id="config_device",
                card_id="issuers_card",
                credential_id="issuers_credential",
            ),
        ]

    def __str__(self) -> str:
        return self.reference
