"""Offline batches as readers upload them, and what became of each record (protocol §5)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KT

from config.models import Device
from config.states import Stateful, append_only, fixed, guarded, never_deleted
from issuers.models import Card, Credential
from merchants.models import Merchant
from settlement.models.guards import refers
from settlement.models.payments import Payment

ATC_GAP = "atc_gap"  # kind of exception: counters of a card the portal never saw
ATC_ROLLBACK = "atc_rollback"  # kind of exception: a counter below that of an earlier tap
RECORD_BACKDATED = "record_backdated"  # kind: its time lies before what the portal can prove
TAMPERING = "tampering_suspected"  # kind: a card's phone had applied the block, and yet it paid
CLOSED_ACCOUNT = "closed_account_money"  # kind: a void's money came after the account was closed
SEQUENCE_MISSING = "reader_sequence_missing"  # kind: a reader went on without a batch; a shop's
READER_SILENT = "reader_silent"  # kind: a reader that sends nothing, though it should; a shop's
OF_SHOPS = (SEQUENCE_MISSING, READER_SILENT)  # kinds in the queue of a shop, never of an issuer


@guarded
class Batch(Stateful):
    """One upload of a reader. A refused one does not use its sequence up."""

    class State(models.TextChoices):
        RECEIVED = "RECEIVED"
        POSTED = "POSTED"
        REFUSED = "REFUSED"

    TRANSITIONS: ClassVar = {State.RECEIVED: frozenset({State.POSTED})}

    reference = models.CharField(max_length=32, unique=True)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="batches")
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="batches")
    sequence = models.BigIntegerField()
    digest = models.BinaryField(max_length=32)  # SHA-256 of the bytes
    previous_digest = models.BinaryField(max_length=32)
    content = models.BinaryField()  # exactly as uploaded: the evidence
    state = models.CharField(max_length=8, choices=State.choices)
    refusal = models.CharField(max_length=24, blank=True)
    record_count = models.PositiveIntegerField()
    totals = models.JSONField(default=dict)  # {currency: minor units, sales less voids}
    blacklists = models.JSONField(default=dict)  # {issuer: version held now}
    created_at = models.DateTimeField()  # the reader's clock
    received_at = models.DateTimeField()
    posted_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # at posting it; 1 where all went well
    leased_until = models.DateTimeField(null=True, blank=True)  # a worker is at it, or it waits

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["device", "sequence"],
                condition=~Q(state="REFUSED"),
                name="batch_sequence_once_per_reader",
            ),
            models.CheckConstraint(
                condition=Q(state="REFUSED") & ~Q(refusal="") | ~Q(state="REFUSED") & Q(refusal=""),
                name="batch_refused_iff_reason",
            ),
            models.CheckConstraint(
                condition=Q(state="POSTED", posted_at__isnull=False)
                | ~Q(state="POSTED") & Q(posted_at=None),
                name="batch_posted_iff_dated",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="RECEIVED"), name="batch_waiting"),
            models.Index(fields=["merchant", "-id"], name="batch_newest"),
        ]
        triggers = [
            never_deleted(),
            fixed("reference", "device", "sequence", "digest", "content", "record_count", "totals"),
        ]

    def __str__(self) -> str:
        return f"{self.device} batch {self.sequence}"


class BatchRecord(models.Model):
    """The verdict on one record of a batch; ``index`` counts from 0 as the reader does."""

    class State(models.TextChoices):
        POSTED = "POSTED"
        REJECTED = "REJECTED"

    batch = models.ForeignKey(
        Batch,
        on_delete=models.PROTECT,
        related_name="records",
        db_index=False,
        db_constraint=False,
    )
    index = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State.choices)
    reason = models.CharField(max_length=24, blank=True)
    kind = models.PositiveSmallIntegerField(null=True)  # 0 sale, 1 void
    card = models.ForeignKey(
        Card,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    payment = models.ForeignKey(
        Payment,
        on_delete=models.PROTECT,
        null=True,
        related_name="batch_records",
        db_constraint=False,
    )
    atc = models.BigIntegerField(null=True)
    amount_minor = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    approval_code = models.CharField(max_length=6, blank=True)
    tapped_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "index"], name="batchrecord_once"),
            models.CheckConstraint(
                condition=Q(state="POSTED") | ~Q(reason=""), name="batchrecord_rejected_says_why"
            ),
        ]
        triggers = [
            append_only(),
            refers(
                batch_id="settlement_batch",
                card_id="issuers_card",
                payment_id="settlement_payment",
            ),
        ]

    def __str__(self) -> str:
        return f"record {self.index}"


class AtcSeen(models.Model):
    """For ever: which payload was first valid under the ATC of a card's key on a phone.

    ``credential``: the first one of that key. Those that renewed it go on counting.
    """

    id = models.BigAutoField(primary_key=True)
    credential = models.ForeignKey(
        Credential,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    atc = models.BigIntegerField()
    payload_digest = models.BinaryField(max_length=32)  # SHA-256 of the COSE payload, no envelope
    payment = models.ForeignKey(
        Payment,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["credential", "atc"], name="atcseen_once")]
        triggers = [
            append_only(),
            refers(credential_id="issuers_credential", payment_id="settlement_payment"),
        ]

    def __str__(self) -> str:
        return f"ATC {self.atc}"


class Dispute(models.Model):
    """Two payloads under one ATC: the second shop's claim, and whose loss it is by rule.

    The row is also the order to list the card: it stands until ``card_listed_at`` is set. The
    second came with a batch, as ``record``, or was a tap asked online, kept as ``tap``.
    """

    reference = models.CharField(max_length=32, unique=True)
    kind = models.CharField(max_length=24)  # "duplicate_atc"
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="disputes")
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="disputes")
    record = models.OneToOneField(
        BatchRecord, on_delete=models.PROTECT, null=True, related_name="dispute"
    )
    tap = models.BinaryField(null=True)  # COSE_Sign1 of the record, exactly as the reader sent it
    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, null=True, related_name="disputes"
    )  # the one that stands under the ATC
    payload_digest = models.BinaryField(max_length=32, null=True)  # of the second payload
    bearer = models.CharField(max_length=12, choices=Payment.Bearer.choices)
    bearer_cause = models.CharField(max_length=40)
    opened_at = models.DateTimeField()
    card_listed_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=200, blank=True)  # how it ended, in the closer's words

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at=None, outcome="")
                | Q(closed_at__isnull=False) & ~Q(outcome=""),
                name="dispute_closed_iff_outcome",
            ),
            models.CheckConstraint(
                condition=Q(record__isnull=False, tap=None) | Q(record=None, tap__isnull=False),
                name="dispute_of_a_record_or_a_tap",
            ),
            models.UniqueConstraint(fields=["payload_digest"], name="dispute_once_per_payload"),
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(card_listed_at=None), name="dispute_card_unlisted"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class ExceptionItem(models.Model):
    """A difference someone must explain: an ATC gap, a record in the exposure window."""

    kind = models.CharField(max_length=24)  # "atc_gap"
    tenant = models.CharField(max_length=32)  # whose queue it is in
    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, null=True, related_name="exceptions"
    )
    detail = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                KT("detail__reader"),
                condition=Q(kind=READER_SILENT, resolved_at=None),
                name="exceptionitem_silent_once",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "-opened_at"], name="exceptionitem_queue"),
            models.Index(
                fields=["tenant", "-id"],
                condition=Q(resolved_at=None),
                name="exceptionitem_waiting",
            ),
            models.Index(
                fields=["payment"], condition=Q(resolved_at=None), name="exceptionitem_open"
            ),
        ]

    def __str__(self) -> str:
        return self.kind
