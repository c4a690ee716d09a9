"""What requests leave behind: stored answers (protocol §1), wrong passwords, resets asked for."""

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


class PasswordFailure(models.Model):
    """A wrong password: of a name at the door, or of a person who changes it.

    The name is kept as its SHA-256 alone: people type passwords into the wrong field.
    """

    class Kind(models.TextChoices):
        SIGN_IN = "SIGN_IN"
        CHANGE = "CHANGE"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    name_hash = models.BinaryField(max_length=32)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["kind", "name_hash", "at"], name="passwordfailure_recent")]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}"


class ResetAsked(models.Model):
    """A forgotten password that somebody asked for; a worker sees whether the address is known."""

    email = models.EmailField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"asked at {self.at}"
