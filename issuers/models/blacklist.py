"""The blacklist: who is listed and why, and what each published version holds."""

from django.db import models
from django.db.models import F, Q

from config.models import Device
from config.states import append_only
from issuers.models.cards import Card
from issuers.models.issuers import Issuer


class BlacklistEntry(models.Model):
    """A card's time on the blacklist, from its block to its unblock; ``scope``: whose act it is."""

    class Reason(models.TextChoices):
        LOST = "LOST"
        STOLEN = "STOLEN"
        DELINQUENT = "DELINQUENT"
        OVER_LIMIT = "OVER_LIMIT"
        CLOSED = "CLOSED"
        FRAUD = "FRAUD"
        CUSTOMER = "CUSTOMER"

    class Scope(models.TextChoices):
        CARD = "CARD"  # the issuer's block: every phone's numbers
        OWNER = "OWNER"  # the owner's own freeze: the same, and an unblock leaves it
        PHONE = "PHONE"  # the card was taken off one phone: the numbers of that phone alone

    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="blacklist_entries")
    scope = models.CharField(max_length=5, choices=Scope.choices, default=Scope.CARD)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, null=True, related_name="+")
    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=12, choices=Reason.choices)
    note = models.CharField(max_length=200, blank=True)
    listed_by = models.CharField(max_length=64)
    listed_at = models.DateTimeField()
    lifted_by = models.CharField(max_length=64, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["card", "scope"],
                condition=Q(lifted_at=None, device=None),
                name="blacklistentry_open_once_per_scope",
            ),
            models.CheckConstraint(
                condition=Q(scope="PHONE", device__isnull=False)
                | Q(scope__in=["CARD", "OWNER"], device=None),
                name="blacklistentry_names_a_phone",
            ),
        ]
        indexes = [models.Index(fields=["issuer", "-listed_at"], name="blacklistentry_newest")]

    def __str__(self) -> str:
        return f"{self.card} {self.reason}"


class ListedNumber(models.Model):
    """A list number on the issuer's list from ``added_in`` until before ``removed_in``.

    Rows wait with a null version until the next publication, which numbers them all at once; an
    entry that leaves before it was ever published is deleted instead.
    """

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="+")
    entry = models.ForeignKey(BlacklistEntry, on_delete=models.PROTECT, related_name="numbers")
    list_number = models.BigIntegerField()
    leaves_at = models.DateTimeField()  # when the certificate has expired
    added_in = models.BigIntegerField(null=True)
    leaving = models.BooleanField(default=False)
    removed_in = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "list_number"],
                condition=Q(removed_in=None),
                name="listednumber_once_while_listed",
            ),
            models.CheckConstraint(
                condition=Q(removed_in=None)
                | Q(added_in__isnull=False, removed_in__gt=F("added_in")),
                name="listednumber_removed_after_added",
            ),
        ]
        indexes = [
            models.Index(
                fields=["issuer"],
                condition=Q(added_in=None) | Q(leaving=True, removed_in=None),
                name="listednumber_waiting",
            ),
            models.Index(
                fields=["issuer", "leaves_at"],
                condition=Q(removed_in=None),
                name="listednumber_leaving",
            ),
            models.Index(fields=["issuer", "added_in"], name="listednumber_added"),
            models.Index(fields=["issuer", "removed_in"], name="listednumber_removed"),
        ]

    def __str__(self) -> str:
        return str(self.list_number)


class BlacklistVersion(models.Model):
    """One published version of an issuer's list. Versions only rise."""

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="blacklist_versions")
    version = models.BigIntegerField()
    published_at = models.DateTimeField()
    added = models.PositiveIntegerField()
    removed = models.PositiveIntegerField()
    entries = models.PositiveIntegerField()  # after applying
    digest = models.BinaryField(max_length=32)  # SHA-256 of all numbers (protocol §5.1, key 10)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issuer", "version"], name="blacklistversion_once"),
            models.CheckConstraint(condition=Q(version__gte=1), name="blacklistversion_from_one"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"v{self.version}"


class BlacklistFile(models.Model):
    """A signed file, immutable per (issuer, base, version): full (base 0) or delta."""

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="+")
    base = models.BigIntegerField()
    version = models.BigIntegerField()
    content = models.BinaryField()
    etag = models.CharField(max_length=64)
    built_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "base", "version"], name="blacklistfile_once"
            ),
            models.CheckConstraint(
                condition=Q(base__gte=0) & Q(base__lt=F("version")), name="blacklistfile_base_below"
            ),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"v{self.base} to v{self.version}"


class BlacklistDownload(models.Model):
    """The portal's own log of the version a reader was given, and when (liability, protocol §5)."""

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="+")
    have = models.BigIntegerField()
    version = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["device", "issuer", "-at"], name="download_newest"),
            models.Index(fields=["device", "issuer", "version", "at"], name="download_first"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"v{self.version}"
