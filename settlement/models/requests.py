"""What stands in front of a payment and behind it: the request to pay, and refunds."""

import pgtrigger
from django.db import models
from django.db.models import Q

from config.models import Device
from config.states import append_only, fixed, never_deleted
from settlement.models.payments import Payment


class PaymentRequest(models.Model):
    """A terminal's request to be paid, under the T-ID it made itself (protocol §2 and §4.1).

    The document in front of a TID or RELAY payment. Its row is written under the payment's lock,
    and kept for ever: a T-ID is never taken twice.
    """

    payment = models.OneToOneField(
        Payment, on_delete=models.PROTECT, primary_key=True, related_name="request"
    )
    tid = models.CharField(max_length=23)
    expires_at = models.DateTimeField()
    bill_digest = models.BinaryField(max_length=32, null=True)  # SHA-256 of the relay's bill
    bill_voided_at = models.DateTimeField(null=True, blank=True)  # a newer one took its place
    claimed_by = models.ForeignKey(
        Device, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    claim_expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)  # when the payment became final

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tid"], name="paymentrequest_tid_once"),
            models.CheckConstraint(
                condition=Q(claimed_by=None, claim_expires_at=None)
                | Q(claimed_by__isnull=False, claim_expires_at__isnull=False),
                name="paymentrequest_claim_ends",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(ended_at=None),
                name="paymentrequest_to_expire",
            ),
            models.Index(
                fields=["claim_expires_at"],
                condition=Q(ended_at=None, claim_expires_at__isnull=False),
                name="paymentrequest_to_release",
            ),
        ]
        triggers = [never_deleted(), fixed("payment", "tid", "expires_at", "bill_digest")]

    def __str__(self) -> str:
        return self.tid


class Refund(models.Model):
    """Money given back of an approved payment: a record of its own, never changed."""

    reference = models.CharField(max_length=32, unique=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=200, blank=True)
    refunded_by = models.CharField(max_length=64)
    business_date = models.DateField()  # the merchant's, of the refund
    refunded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gte=1), name="refund_amount_positive")
        ]
        indexes = [models.Index(fields=["business_date"], name="refund_day")]
        triggers = [
            append_only(),
            # The payment keeps the sum, and its CHECK the bound: both only guard what adds up.
            pgtrigger.Trigger(
                name="adds_up",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="""
                    IF (SELECT p.refunded_minor <> COALESCE(sum(r.amount_minor), 0)
                               OR bool_or(r.currency <> p.currency)
                          FROM settlement_payment p
                          JOIN settlement_refund r ON r.payment_id = p.id
                         WHERE p.id = NEW.payment_id GROUP BY p.id) THEN
                        RAISE EXCEPTION 'the refunds of payment % do not add up', NEW.payment_id
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.reference
