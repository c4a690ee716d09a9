"""Issuers, their card programmes and the effective-dated offline profiles of those."""

import pghistory
from django.db import models
from django.db.models import F, Q


@pghistory.track()
class Issuer(models.Model):
    """A card company: signs certificates, blacklists and commands with keys of its own."""

    reference = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=80)
    time_zone = models.CharField(max_length=64, default="Asia/Seoul")
    next_list_number = models.BigIntegerField(default=0)  # dense, never reused (protocol §5)
    poll_wait_s = models.PositiveIntegerField(default=5)  # minimum wait between reader polls

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Programme(models.Model):
    """A card product: its kind, its currency, and who may put its cards on a phone."""

    class Kind(models.TextChoices):
        CREDIT = "CREDIT"
        CHECK = "CHECK"
        DEBIT = "DEBIT"
        PREPAID = "PREPAID"

    class CertificateRule(models.TextChoices):
        AUTO = "AUTO"
        STEP_UP = "STEP_UP"
        STAFF = "STAFF"

    reference = models.CharField(max_length=32, unique=True)
    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="programmes")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    currency = models.CharField(max_length=3)
    certificate_rule = models.CharField(
        max_length=8, choices=CertificateRule.choices, default=CertificateRule.AUTO
    )
    certificate_days = models.PositiveSmallIntegerField(default=7)
    reset_on_posting = models.BooleanField(default=False)  # mission 1.15
    list_on_debt = models.BooleanField(default=True)  # its cards go on the list while they owe
    per_payment_online_cap_minor = models.BigIntegerField(null=True, blank=True)  # null: none
    velocity_count = models.PositiveSmallIntegerField(default=30)  # approvals of a card within …
    velocity_window_s = models.PositiveIntegerField(default=3600)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class OfflineProfileVersion(models.Model):
    """The offline limits of a programme from ``effective_from`` on; certificates name it."""

    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="profiles")
    version = models.PositiveIntegerField()
    effective_from = models.DateTimeField()
    per_payment_cap_minor = models.BigIntegerField()
    lower_uses = models.PositiveSmallIntegerField()
    upper_uses = models.PositiveSmallIntegerField()
    cumulative_cap_minor = models.BigIntegerField()
    contact_days = models.PositiveSmallIntegerField()
    unverified_cap_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["programme", "version"], name="profile_version_once"),
            models.CheckConstraint(
                condition=Q(lower_uses__lte=F("upper_uses")), name="profile_lower_within_upper_uses"
            ),
            models.CheckConstraint(
                condition=Q(per_payment_cap_minor__gte=1)
                & Q(per_payment_cap_minor__lte=F("cumulative_cap_minor"))
                & Q(unverified_cap_minor__gte=0)
                & Q(unverified_cap_minor__lte=F("per_payment_cap_minor")),
                name="profile_caps_in_order",
            ),
            models.CheckConstraint(
                condition=Q(contact_days__gte=1), name="profile_contact_days_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.programme} v{self.version}"
