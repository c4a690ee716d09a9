"""Customers, their phones, and what the portal knows of each phone's offline counters."""

from django.db import models
from django.db.models import Q

from config.models import Device
from config.states import append_only
from issuers.models import Credential


class Customer(models.Model):
    """A person with cards; signs in nowhere, acts only through an enrolled phone."""

    reference = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=80)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Phone(models.Model):
    """A customer's enrolled phone."""

    device = models.OneToOneField(Device, on_delete=models.PROTECT, related_name="phone")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="phones")
    app_serial = models.CharField(max_length=64)
    psn_key = models.BinaryField()  # sealed; the PIN itself never leaves the phone (protocol §2)
    pin_counter = models.BigIntegerField(default=0)  # `last`, moves only on success
    pin_failures = models.PositiveSmallIntegerField(default=0)
    authentication_failures = models.PositiveSmallIntegerField(default=0)
    locked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(pin_failures__lte=5) & Q(pin_counter__gte=0), name="phone_pin_counts"
            ),
            models.CheckConstraint(
                condition=Q(authentication_failures__lt=5) | Q(locked_at__isnull=False),
                name="phone_locked_by_five_failures",
            ),
        ]

    def __str__(self) -> str:
        return str(self.device)


class ShadowCounter(models.Model):
    """The offline counters of a credential as the phone last acknowledged them."""

    credential = models.OneToOneField(
        Credential, on_delete=models.PROTECT, related_name="shadow_counter"
    )
    atc = models.BigIntegerField(default=0)
    uses = models.PositiveIntegerField(default=0)
    amount_minor = models.BigIntegerField(default=0)
    ota_version = models.BigIntegerField(default=0)
    reported_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(atc__gte=0) & Q(amount_minor__gte=0), name="shadowcounter_not_negative"
            )
        ]

    def __str__(self) -> str:
        return f"ATC {self.atc}"


class SocketTicket(models.Model):
    """A one-time way to open the phone's socket without signing its handshake: 30 s, once."""

    ticket_hash = models.BinaryField(max_length=32, unique=True)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"ticket of {self.device_id}"


class OfflineCopy(models.Model):
    """A phone's own copy of a record it signed: evidence and early exposure, never posted."""

    credential = models.ForeignKey(Credential, on_delete=models.PROTECT, related_name="+")
    atc = models.BigIntegerField()
    payload_digest = models.BinaryField(max_length=32)  # SHA-256 of the COSE payload
    record = models.BinaryField()
    amount_minor = models.BigIntegerField()
    reader = models.CharField(max_length=64)
    tapped_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["credential", "atc", "payload_digest"], name="offlinecopy_once"
            )
        ]
        indexes = [models.Index(fields=["reader", "tapped_at"], name="offlinecopy_at_reader")]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"copy of ATC {self.atc}"
