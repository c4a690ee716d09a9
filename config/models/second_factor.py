"""Second factors as django-otp knows them, with nothing readable in a copy of the database.

``django_otp`` keeps TOTP seeds and recovery codes as plain text; these rows seal the one and hash
the other. ``OTPMiddleware`` finds the row a session was verified with by its model and id.
"""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django_otp.models import Device as SecondFactor

from config.models.people import User

LOCK_TRIES, LOCK_S = 10, 1800  # PCI DSS 8.3.4: at most ten tries, then at least 30 minutes


class Throttled(models.Model):
    """A factor whose wrong codes cost waiting: none, 1, 2, 4 … s, then half an hour."""

    failed_tries = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def wait_s(self, *, at: datetime) -> int:
        """Return the seconds until the next try is heard; 0 when it may come now."""
        if self.failed_at is None or not self.failed_tries:
            return 0
        tries = self.failed_tries
        cost_s = LOCK_S if tries >= LOCK_TRIES else 2 ** (tries - 1)
        left = self.failed_at + timedelta(seconds=cost_s) - at
        return max(0, -int(-left.total_seconds() // 1))

    def count_failure(self, *, at: datetime) -> None:
        """Remember a wrong code; the row is locked by the caller."""
        self.failed_tries, self.failed_at = self.failed_tries + 1, at
        self.save(update_fields=["failed_tries", "failed_at"])


class Authenticator(Throttled, SecondFactor):  # type: ignore[misc]
    """An authenticator app of one person (RFC 6238, SHA-1, 30 s, six digits)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    sealed_key = models.BinaryField()  # 20 bytes, sealed for the person it belongs to
    last_step = models.BigIntegerField(default=-1)  # a time step is good once (PCI DSS 8.5.1)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar["models.Manager[Authenticator]"] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "confirmed"], name="authenticator_one_and_one_pending"
            )
        ]

    def __str__(self) -> str:
        return f"authenticator of {self.user}"


class RecoveryCodes(Throttled, SecondFactor):  # type: ignore[misc]
    """The ten codes a person printed; one salt for the set, so that a try costs one hash."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    salt = models.BinaryField(max_length=16)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar["models.Manager[RecoveryCodes]"] = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user"], name="recoverycodes_one_set")]

    def __str__(self) -> str:
        return f"recovery codes of {self.user}"


class RecoveryCode(models.Model):
    """One code as its Argon2id hash (ASVS 6.5.2); used once."""

    codes = models.ForeignKey(RecoveryCodes, on_delete=models.CASCADE, related_name="each")
    hash = models.BinaryField(max_length=32)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["codes"], condition=Q(used_at=None), name="recoverycode_unused")
        ]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class DemoFactor(SecondFactor):  # type: ignore[misc]
    """Stands for the second factor of who came by a one-time link; counts in the demo only."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")

    objects: ClassVar["models.Manager[DemoFactor]"] = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user"], name="demofactor_one")]
