"""Pre-approvals: approved on a phone, finished by a number at a machine (protocol §7)."""

from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.crypto import salted_hmac

from config.models import Device
from config.states import Stateful, append_only, fixed, guarded, never_deleted
from issuers.models import Card
from merchants.models import Merchant
from wallets.models import Customer

_LIVE = ["APPROVED", "IN_PROGRESS", "SUSPENSE"]


@guarded
class Preapproval(Stateful):
    """Money set aside for one redemption; its number is kept as a keyed hash only.

    ``amount_minor``: what is held, of ``currency``; ``day``: the issuer's, by which limits count.
    ``bound_…``: where alone the number works. SUSPENSE: nobody knows what the machine paid out.
    """

    class State(models.TextChoices):
        APPROVED = "APPROVED"
        IN_PROGRESS = "IN_PROGRESS"
        COMPLETED = "COMPLETED"
        DECLINED = "DECLINED"
        EXPIRED = "EXPIRED"
        CANCELLED = "CANCELLED"
        REVERSED = "REVERSED"
        SUSPENSE = "SUSPENSE"

    class Kind(models.TextChoices):
        CASH = "CASH"
        GIFT = "GIFT"
        LOTTERY = "LOTTERY"

    class Ending(models.TextChoices):
        """Why it was cancelled."""

        CUSTOMER = "CUSTOMER"
        ISSUER = "ISSUER"
        TRIES = "TRIES"
        CARD_BLOCKED = "CARD_BLOCKED"
        ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
        DEVICE_REVOKED = "DEVICE_REVOKED"
        LIMIT_EXCEEDED = "LIMIT_EXCEEDED"

    # A machine that could not pay the amount in its notes gives the number back (`note_mix`).
    _AFTER_MACHINE = frozenset({State.APPROVED, State.COMPLETED, State.REVERSED, State.EXPIRED})
    TRANSITIONS: ClassVar = {
        State.APPROVED: frozenset({State.IN_PROGRESS, State.EXPIRED, State.CANCELLED}),
        State.IN_PROGRESS: _AFTER_MACHINE | {State.SUSPENSE},
        State.SUSPENSE: _AFTER_MACHINE,
    }
    LIVE: ClassVar = frozenset(_LIVE)

    reference = models.CharField(max_length=32, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="preapprovals")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+", db_index=False)
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="preapprovals")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=12, choices=State.choices)
    amount_minor = models.BigIntegerField()  # DE 4
    currency = models.CharField(max_length=3)  # DE 49
    number_hash = models.BinaryField(max_length=32, null=True, unique=True)
    pickup_hash = models.BinaryField(max_length=32, null=True)
    bound_kind = models.CharField(max_length=8, blank=True)  # of device
    bound_merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    bound_terminal = models.ForeignKey(
        Device, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    partial = models.BooleanField(default=False)  # may be redeemed for less than its amount
    day = models.DateField()
    made_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    decline_reason = models.CharField(max_length=24, blank=True)
    ending = models.CharField(max_length=16, choices=Ending.choices, blank=True)
    ending_words = models.CharField(max_length=200, blank=True)  # staff's, where they cancelled it
    dispensed_minor = models.BigIntegerField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1), name="preapproval_amount_positive"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("made_at")), name="preapproval_has_time"
            ),
            models.CheckConstraint(
                condition=Q(state="DECLINED", number_hash=None) & ~Q(decline_reason="")
                | ~Q(state="DECLINED") & Q(number_hash__isnull=False, decline_reason=""),
                name="preapproval_numbered_unless_declined",
            ),
            models.CheckConstraint(
                condition=Q(state__in=_LIVE, ended_at=None)
                | ~Q(state__in=_LIVE) & Q(ended_at__isnull=False),
                name="preapproval_ended_iff_dated",
            ),
            models.CheckConstraint(
                condition=Q(state="CANCELLED") & ~Q(ending="")
                | ~Q(state="CANCELLED") & Q(ending="", ending_words=""),
                name="preapproval_cancelled_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(state="COMPLETED", dispensed_minor__gte=1)
                & Q(dispensed_minor__lte=F("amount_minor"))
                | ~Q(state="COMPLETED") & Q(dispensed_minor=None),
                name="preapproval_completed_within_amount",
            ),
            # Only the ATM kind gives cash (protocol §3).
            models.CheckConstraint(
                condition=~Q(kind="CASH") | Q(bound_kind="ATM"), name="preapproval_cash_at_atms"
            ),
        ]
        indexes = [
            models.Index(
                fields=["valid_until"],
                condition=Q(state="APPROVED"),
                name="preapproval_to_expire",
            ),
            models.Index(fields=["customer", "day"], name="preapproval_of_day"),
            models.Index(
                fields=["customer"], condition=Q(state__in=_LIVE), name="preapproval_outstanding"
            ),
        ]
        triggers = [
            never_deleted(),
            fixed(
                *("reference", "customer", "device", "card", "kind", "amount_minor", "currency"),
                *("number_hash", "pickup_hash", "bound_kind", "bound_merchant", "bound_terminal"),
                *("partial", "day", "made_at", "valid_until", "decline_reason"),
            ),
            pgtrigger.Trigger(
                name="card_of_customer",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NOT EXISTS (
                        SELECT FROM issuers_card c
                          JOIN issuers_account a ON a.id = c.account_id
                          JOIN wallets_customer u ON u.reference = a.holder
                         WHERE c.id = NEW.card_id AND u.id = NEW.customer_id
                           AND a.currency = NEW.currency
                    ) AND NEW.state <> 'DECLINED' THEN
                        RAISE EXCEPTION 'the card of % is not its customer''s, or of another '
                            'currency', NEW.reference USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            # What stands behind the number is what the issuer set aside for it (I8).
            pgtrigger.Trigger(
                name="held_while_live",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("state"),
                timing=pgtrigger.Deferred,
                func="""
                    IF EXISTS (
                        SELECT FROM settlement_preapproval p
                          LEFT JOIN issuers_hold h ON h.document = p.reference
                         WHERE p.id = NEW.id AND p.state <> 'DECLINED'
                           AND (h.amount_minor IS DISTINCT FROM p.amount_minor
                                OR h.state IS DISTINCT FROM CASE
                                   WHEN p.state IN ('APPROVED', 'IN_PROGRESS', 'SUSPENSE')
                                   THEN 'HELD'
                                   WHEN p.state = 'COMPLETED' THEN 'CAPTURED'
                                   ELSE 'RELEASED' END)
                    ) THEN
                        RAISE EXCEPTION 'pre-approval % and what is held for it differ',
                            NEW.reference USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @staticmethod
    def hash_of(*, number: str) -> bytes:
        """Return what of an approval number the database knows: 32 bytes."""
        return salted_hmac("paydesk approval number", number, algorithm="sha256").digest()

    def is_over(self, *, at: datetime) -> bool:
        """Return whether its time is up though its number is still good."""
        return self.state == self.State.APPROVED and at >= self.valid_until


class RedemptionTry(models.Model):
    """A number presented at the wrong place, or with a wrong amount or pickup code.

    Five at one terminal end the number for that terminal, ten in all end it (protocol §7).
    """

    preapproval = models.ForeignKey(Preapproval, on_delete=models.PROTECT, related_name="tries")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(max_length=24)  # the refusal's code
    at = models.DateTimeField()

    class Meta:
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.reason} at {self.device_id}"
