"""The double-entry ledger: accounts, and immutable transfers in postings.

A transfer has one debit, one credit and one code, so debits equal credits by its shape. A posting
is the unit in which transfers enter; when its transaction commits, a deferred constraint counts and
adds up what really went in and compares it with what the posting says.
"""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from config.states import append_only
from settlement.models.guards import refers


class LedgerAccount(models.Model):
    """A place money comes from or goes to, in one currency; balances are sums of transfers."""

    class Kind(models.TextChoices):
        CARDHOLDER = "CARDHOLDER"  # owner: card account; what the issuer owes or is owed
        MERCHANT = "MERCHANT"  # owner: merchant; payable to it
        ISSUER_LOSS = "ISSUER_LOSS"  # owner: issuer
        MERCHANT_LOSS = "MERCHANT_LOSS"  # owner: merchant; charged back by rule
        FUNDING = "FUNDING"  # owner: issuer; where balances of new cards come from
        FEES = "FEES"  # owner: "platform"
        RECEIVABLE = "RECEIVABLE"  # owner: card account; its debt, not yet collected
        PAYABLE = "PAYABLE"  # owner: card account, closed; due to its holder, not yet paid out
        SPONSOR = "SPONSOR"  # owner: sponsor's; what it owes for benefits that were used
        GIFT_CARD = "GIFT_CARD"  # owner: holding; what is still on it
        GIFT_FUNDING = "GIFT_FUNDING"  # owner: sponsor's; what it sold gift cards for
        ROUNDING = "ROUNDING"  # owner: merchant; units between refunds, none once all is refunded

    kind = models.CharField(max_length=16, choices=Kind.choices)
    owner = models.CharField(max_length=32)
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "owner", "currency"], name="ledgeraccount_once_per_owner"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="ledgeraccount_currency_alpha3"
            ),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.kind} {self.owner} {self.currency}"


class CurrentTransaction(models.Func):
    """PostgreSQL's 64-bit id of the running transaction."""

    template = "(pg_current_xact_id()::text::bigint)"
    output_field = models.BigIntegerField()


class Posting(models.Model):
    """One entry into the ledger: what was posted together, with the totals it claims."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=24)  # "offline_batches", "payout", "correction"
    posted_at = models.DateTimeField()
    transfer_count = models.PositiveIntegerField()
    transfer_sum = models.BigIntegerField()  # over all currencies: a checksum, not money
    transaction = models.BigIntegerField(db_default=CurrentTransaction())

    class Meta:
        triggers = [
            append_only(),
            pgtrigger.Trigger(
                name="adds_up",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="""
                    DECLARE n bigint; s numeric; wrong bigint;
                    BEGIN
                    SELECT count(*), COALESCE(sum(t.amount_minor), 0),
                           count(*) FILTER (WHERE d.currency <> t.currency
                                               OR c.currency <> t.currency)
                      INTO n, s, wrong
                      FROM settlement_transfer t
                      JOIN settlement_ledgeraccount d ON d.id = t.debit_id
                      JOIN settlement_ledgeraccount c ON c.id = t.credit_id
                     WHERE t.posting_id = NEW.id;
                    IF n <> NEW.transfer_count OR s <> NEW.transfer_sum OR wrong > 0 THEN
                        RAISE EXCEPTION
                            'posting % claims % transfers of %, holds % of %, % of them foreign',
                            NEW.id, NEW.transfer_count, NEW.transfer_sum, n, s, wrong
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                    END;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Transfer(models.Model):
    """Money moved once from the credit account's owner's side to the debit side; never changed."""

    class Code(models.TextChoices):
        OPENING = "OPENING"
        OFFLINE_SALE = "OFFLINE_SALE"
        OFFLINE_VOID = "OFFLINE_VOID"
        ONLINE_SALE = "ONLINE_SALE"  # approved by the portal: TID, RELAY
        REVERSAL = "REVERSAL"  # the whole of a sale, before clearing
        REFUND = "REFUND"
        DISCOUNT = "DISCOUNT"  # a sponsor's part of what a benefit took off
        POINTS = "POINTS"
        GIFT_CARD = "GIFT_CARD"
        GIFT_CARD_ISSUED = "GIFT_CARD_ISSUED"  # what is on it becomes a liability
        ISSUER_BEARS = "ISSUER_BEARS"
        MERCHANT_BEARS = "MERCHANT_BEARS"
        DEBT_OPENED = "DEBT_OPENED"
        DEBT_COLLECTED = "DEBT_COLLECTED"
        PAYABLE_OPENED = "PAYABLE_OPENED"
        PAYABLE_PAID = "PAYABLE_PAID"
        FEES = "FEES"  # of one payout
        LOSS_CHARGED = "LOSS_CHARGED"  # what the merchant bears, taken off one payout

    id = models.BigAutoField(primary_key=True)
    # The triggers below and Posting's check these three, all rows of a posting at once.
    posting = models.ForeignKey(
        Posting, on_delete=models.PROTECT, related_name="transfers", db_constraint=False
    )
    code = models.CharField(max_length=16, choices=Code.choices)
    debit = models.ForeignKey(
        LedgerAccount,
        on_delete=models.PROTECT,
        related_name="debits",
        db_index=False,
        db_constraint=False,
    )
    credit = models.ForeignKey(
        LedgerAccount,
        on_delete=models.PROTECT,
        related_name="credits",
        db_index=False,
        db_constraint=False,
    )
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    payment = models.ForeignKey(
        "settlement.Payment",
        on_delete=models.PROTECT,
        null=True,
        related_name="transfers",
        db_constraint=False,
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1), name="transfer_amount_positive"
            ),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="transfer_between_two"),
        ]
        indexes = [
            models.Index(fields=["debit", "id"], name="transfer_debit"),
            models.Index(fields=["credit", "id"], name="transfer_credit"),
        ]
        triggers = [
            append_only(),
            refers(payment_id="settlement_payment"),
            pgtrigger.Trigger(
                name="only_with_its_posting",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func="""
                    IF EXISTS (
                        SELECT 1 FROM (SELECT DISTINCT posting_id FROM new_rows) n
                          LEFT JOIN settlement_posting p ON p.id = n.posting_id
                         WHERE p.transaction IS DISTINCT FROM pg_current_xact_id()::text::bigint
                    ) THEN
                        RAISE EXCEPTION 'a posting takes transfers only in its own transaction'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.amount_minor} {self.currency}"
