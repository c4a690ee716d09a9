"""Stored answers of unsafe requests (protocol §1, Idempotency-Key)."""

from django.db import models


class IdempotencyRecord(models.Model):
    """The first answer to a key, kept so that every repetition hears the same one."""

    caller = models.CharField(max_length=48)  # "device:<ref>", "key:<id>" or "user:<id>"
    key_hash = models.BinaryField(max_length=32)
    fingerprint = models.BinaryField(max_length=32)  # SHA-256 over method, path and body bytes
    status = models.PositiveSmallIntegerField()
    answer = models.BinaryField()  # JSON, sealed under a key derived from the caller's key
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["caller", "key_hash"], name="idempotency_once_per_caller"
            )
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return f"{self.caller} {self.status}"
