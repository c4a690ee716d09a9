"""Proofs that a phone's holder is there: challenges, and what they were exchanged for."""

from django.db import models
from django.db.models import Q

from config.models import Device


class AuthenticationChallenge(models.Model):
    """32 random bytes for one phone, to be signed once; only a hash is kept."""

    challenge_hash = models.BinaryField(max_length=32, unique=True)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"challenge of {self.device_id}"


class Authentication(models.Model):
    """A holder proved who they are: 5 minutes, for one act; only a hash of its name is kept."""

    token_hash = models.BinaryField(max_length=32, unique=True)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(used_at=None) | Q(used_at__lt=models.F("expires_at")),
                name="authentication_used_in_time",
            )
        ]

    def __str__(self) -> str:
        return f"authentication of {self.device_id}"
