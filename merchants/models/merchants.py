"""Merchants, their stores, agreements and API keys."""

from typing import ClassVar

import pghistory
from django.db import models
from django.db.models import Q

from config.states import Stateful, guarded, never_deleted


@pghistory.track()
@guarded
class Merchant(Stateful):
    """A card acceptor (ISO 8583 DE 42), paid out as one."""

    class State(models.TextChoices):
        ACTIVE = "ACTIVE"
        SUSPENDED = "SUSPENDED"

    TRANSITIONS: ClassVar = {
        State.ACTIVE: frozenset({State.SUSPENDED}),
        State.SUSPENDED: frozenset({State.ACTIVE}),
    }

    reference = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=80)
    currency = models.CharField(max_length=3)
    time_zone = models.CharField(max_length=64, default="Asia/Seoul")
    mcc = models.CharField(max_length=4, default="5462")  # ISO 18245
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)
    blacklist_max_age_s = models.PositiveIntegerField(default=24 * 3600)  # older: floor 0
    split_sale_window_s = models.PositiveIntegerField(default=300)  # summed before the cap
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(mcc__regex=r"^[0-9]{4}$"), name="merchant_mcc_digits"
            )
        ]
        triggers = [never_deleted()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Store(models.Model):
    """One place of a merchant."""

    reference = models.CharField(max_length=32, unique=True)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="stores")
    name = models.CharField(max_length=80)
    address = models.CharField(max_length=200, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "name"], name="store_name_once_per_merchant"
            )
        ]
        triggers = [never_deleted()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Agreement(models.Model):
    """What the merchant pays per payment, from ``effective_from`` on."""

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="agreements")
    effective_from = models.DateTimeField()
    online_fee_minor = models.BigIntegerField(default=0)  # per online approval
    offline_fee_minor = models.BigIntegerField(default=0)  # per offline record
    fee_bps = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "effective_from"], name="agreement_one_per_instant"
            ),
            models.CheckConstraint(
                condition=Q(online_fee_minor__gte=0)
                & Q(offline_fee_minor__gte=0)
                & Q(fee_bps__lte=10_000),
                name="agreement_fees_sane",
            ),
        ]

    def __str__(self) -> str:
        return f"agreement of {self.merchant}"


class ApiKey(models.Model):
    """A server-to-server key, stored as a hash, shown once, scoped to one tenant."""

    key_hash = models.BinaryField(max_length=32, unique=True)
    prefix = models.CharField(max_length=12)  # what people recognise it by
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, null=True, related_name="api_keys"
    )
    issuer = models.CharField(max_length=32, blank=True)  # an issuer's reference, else a merchant
    name = models.CharField(max_length=80)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(merchant=None) & ~Q(issuer="") | Q(merchant__isnull=False, issuer=""),
                name="apikey_has_one_tenant",
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"
