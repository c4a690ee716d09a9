"""Public halves of the platform's and the issuers' signing keys: what the trust list is made of."""

from django.db import models
from django.db.models import F, Q

PLATFORM = "platform"


class PublicKey(models.Model):
    """A signing key's public half; the private half lies with the key provider under ``name``.

    One withdrawn before it began ends that moment: it never signed anything.
    """

    holder = models.CharField(max_length=32)  # PLATFORM, or an issuer's reference
    name = models.CharField(max_length=64, unique=True)
    kid = models.BinaryField(max_length=8)
    public_key = models.BinaryField(max_length=65, unique=True)
    active_from = models.DateTimeField()
    active_until = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(active_until__gt=F("active_from"), withdrawn_at=None)
                | Q(
                    withdrawn_at__isnull=False,
                    active_until=F("withdrawn_at"),
                    withdrawn_at__lt=F("active_from"),
                ),
                name="publickey_ends_after_it_begins",
            )
        ]
        indexes = [models.Index(fields=["holder", "active_from"], name="publickey_holder")]

    def __str__(self) -> str:
        return self.name
