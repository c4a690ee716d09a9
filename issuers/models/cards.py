"""Cards, and the credential of a card on a phone."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from config.models import Device
from config.states import Stateful, guarded, never_deleted
from config.wire import b64
from issuers.models.accounts import Account
from issuers.models.issuers import Issuer, OfflineProfileVersion, Programme


@guarded
class Card(Stateful):
    """A card: a random 16-byte token and the last four digits people see, never a PAN."""

    class State(models.TextChoices):
        ACTIVE = "ACTIVE"
        BLOCKED = "BLOCKED"
        CLOSED = "CLOSED"

    TRANSITIONS: ClassVar = {
        State.ACTIVE: frozenset({State.BLOCKED, State.CLOSED}),
        State.BLOCKED: frozenset({State.ACTIVE, State.CLOSED}),
    }

    token = models.BinaryField(max_length=16, unique=True)
    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="cards")
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="cards")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="cards")
    last4 = models.CharField(max_length=4)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    frozen_by_owner_at = models.DateTimeField(null=True, blank=True)
    per_payment_online_cap_minor = models.BigIntegerField(null=True, blank=True)  # null: none
    ota_version = models.BigIntegerField(default=0)  # newest command version, rises per card
    issued_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last4__regex=r"^[0-9]{4}$"), name="card_last4_digits"
            )
        ]
        indexes = [models.Index(fields=["issuer", "last4"], name="card_last4")]
        triggers = [never_deleted()]

    def __str__(self) -> str:
        return f"card ending {self.last4}"

    @property
    def reference(self) -> str:
        """Return the card as JSON and commands name it: base64url of its token (protocol §1)."""
        return b64.encode(bytes(self.token))


@guarded
class Credential(Stateful):
    """A card on one phone: list number, key and certificate. A newer one retires the one before."""

    class State(models.TextChoices):
        ACTIVE = "ACTIVE"
        RETIRED = "RETIRED"

    TRANSITIONS: ClassVar = {State.ACTIVE: frozenset({State.RETIRED})}
    # What a phone that has not heard yet could still pay with.
    SPENDABLE: ClassVar = Q(state=State.ACTIVE) | Q(
        withdrawn_at__isnull=False, reserve_released_at=None
    )

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="+")
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="credentials")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    profile = models.ForeignKey(OfflineProfileVersion, on_delete=models.PROTECT, related_name="+")
    list_number = models.BigIntegerField()
    serial = models.BinaryField(max_length=8, unique=True)
    public_key = models.BinaryField(max_length=65)
    # COSE_Sign1 by the issuer, exactly as handed out; null until it is signed, which happens after
    # the row is written: all that is signed stands in the row, so a crash between loses nothing.
    certificate = models.BinaryField(null=True)
    cumulative_cap_minor = models.BigIntegerField()  # as stated in the certificate
    reserve_minor = models.BigIntegerField()  # what of the account's reserve is this credential's
    contact_by = models.DateTimeField()
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    reserve_released_at = models.DateTimeField(null=True, blank=True)
    # The card's newest command when this was made: older ones are of the credential before.
    since_version = models.BigIntegerField(default=0)
    # Taken off the phone by a wipe, a closing or a revocation, which it may not have heard of.
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    # Renewed under the same key: records of this certificate draw on that one's reserve.
    renewed_by = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="renews"
    )
    reset_atc = models.BigIntegerField(default=0)  # the latest counter reset reached up to here
    posted_atc = models.BigIntegerField(default=0)  # highest that was posted
    # Posted, and not yet taken off the phone's own counts by a reset: records (voids among them),
    # sales, and their minor units. ``posted_since``: when the first of these came.
    posted_records = models.PositiveIntegerField(default=0)
    posted_uses = models.PositiveIntegerField(default=0)
    posted_minor = models.BigIntegerField(default=0)
    posted_since = models.DateTimeField(null=True, blank=True)
    # Taken off the phone's own counts by an approval online before their records came: minor units
    # that stay reserved on top of the cap until those records post.
    unsent_minor = models.BigIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "list_number"], name="credential_list_number_once"
            ),
            models.UniqueConstraint(
                fields=["card", "device"],
                condition=Q(state="ACTIVE"),
                name="credential_one_active_per_card_and_phone",
            ),
            models.CheckConstraint(
                condition=Q(list_number__gte=0) & Q(reserve_minor__gte=0),
                name="credential_numbers_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(
                    reset_atc__gte=0, posted_atc__gte=0, posted_minor__gte=0, unsent_minor__gte=0
                ),
                name="credential_counts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(posted_since__isnull=False) | Q(posted_uses=0, posted_minor=0),
                name="credential_posted_is_dated",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | Q(state="RETIRED"),
                name="credential_withdrawn_is_retired",
            ),
            models.CheckConstraint(
                condition=Q(renewed_by=None) | Q(state="RETIRED", reserve_minor=0),
                name="credential_renewed_holds_nothing",
            ),
        ]
        indexes = [
            models.Index(fields=["device", "state"], name="credential_device"),
            models.Index(
                fields=["expires_at"],
                condition=Q(reserve_released_at=None),
                name="credential_reserve_held",
            ),
            models.Index(
                fields=["posted_since"],
                condition=Q(state="ACTIVE", posted_since__isnull=False),
                name="credential_to_reset",
            ),
            models.Index(
                fields=["contact_by"], condition=Q(state="ACTIVE"), name="credential_to_renew"
            ),
        ]
        triggers = [never_deleted()]

    def __str__(self) -> str:
        return f"list number {self.list_number}"
