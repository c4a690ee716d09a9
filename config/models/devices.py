"""Machines: one table for every kind, with its key and state."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from config.states import Stateful, guarded, never_deleted


class DeviceKind(models.TextChoices):
    PHONE = "PHONE"
    TERMINAL = "TERMINAL"
    READER = "READER"
    ATM = "ATM"
    RELAY = "RELAY"


@guarded
class Device(Stateful):
    """A machine that signs its requests with a P-256 key of its own."""

    class State(models.TextChoices):
        ACTIVE = "ACTIVE"
        REVOKED = "REVOKED"

    TRANSITIONS: ClassVar = {State.ACTIVE: frozenset({State.REVOKED})}

    reference = models.CharField(max_length=32, unique=True)
    kind = models.CharField(max_length=8, choices=DeviceKind.choices)
    name = models.CharField(max_length=80)
    owner = models.CharField(max_length=32)  # reference of the merchant, or of the customer (PHONE)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    public_key = models.BinaryField(max_length=65, unique=True)  # P-256, uncompressed
    enrolled_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="REVOKED", revoked_at__isnull=False)
                | Q(state="ACTIVE", revoked_at=None),
                name="device_revoked_iff_dated",
            )
        ]
        indexes = [models.Index(fields=["owner", "kind"], name="device_owner")]
        triggers = [never_deleted()]

    def __str__(self) -> str:
        return self.reference


class EnrolmentCode(models.Model):
    """A one-time code for one kind and owner: 15 minutes, 5 tries; only its hash is kept."""

    code_hash = models.BinaryField(max_length=32, unique=True)
    kind = models.CharField(max_length=8, choices=DeviceKind.choices)
    owner = models.CharField(max_length=32)
    store = models.CharField(
        max_length=32, blank=True
    )  # merchant kinds: the store it will stand in
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(tries__lte=5), name="enrolmentcode_five_tries"),
            models.CheckConstraint(
                condition=Q(used_at=None, device=None)
                | Q(used_at__isnull=False, device__isnull=False),
                name="enrolmentcode_used_iff_device",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} code for {self.owner}"


class EnrolmentFailure(models.Model):
    """A wrong enrolment code from an address; ten in a minute lock it for a minute."""

    address = models.GenericIPAddressField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["address", "at"], name="enrolmentfailure_recent")]

    def __str__(self) -> str:
        return f"{self.address} at {self.at}"


class SeenNonce(models.Model):
    """A request nonce a device has used, stored only after a good signature (RFC 9421)."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    nonce = models.BinaryField(max_length=16)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "nonce"], name="seennonce_once_per_device")
        ]

    def __str__(self) -> str:
        return f"nonce of {self.device_id}"
