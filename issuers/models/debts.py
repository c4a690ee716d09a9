"""Debts: what was spent offline beyond all an account had, until it is collected."""

from django.db import models
from django.db.models import F, Q

from issuers.models.accounts import Account
from issuers.models.blacklist import BlacklistEntry
from issuers.models.cards import Card


class Debt(models.Model):
    """What an account owes beyond its limit; one open debt an account, which may grow.

    The row is also the order to list the card: it stands until ``card_seen_to_at`` is set.
    ``entry``: the listing this debt made, which ends with it; a listing of staff's is none.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="debts", db_index=False
    )
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="debts")
    amount_minor = models.BigIntegerField()  # of the account's currency
    collected_minor = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    card_seen_to_at = models.DateTimeField(null=True, blank=True)
    entry = models.ForeignKey(
        BlacklistEntry, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=Q(closed_at=None), name="debt_open_once_per_account"
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1)
                & Q(collected_minor__gte=0)
                & Q(collected_minor__lte=F("amount_minor")),
                name="debt_collected_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, collected_minor__lt=F("amount_minor"))
                | Q(closed_at__isnull=False, collected_minor=F("amount_minor")),
                name="debt_closed_iff_collected",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="debt_newest"),
            models.Index(
                fields=["id"],
                condition=Q(closed_at=None, card_seen_to_at=None),
                name="debt_card_unlisted",
            ),
        ]

    def __str__(self) -> str:
        return f"debt of {self.account}"

    @property
    def outstanding_minor(self) -> int:
        """Return what is still owed, in minor units of the account's currency."""
        return self.amount_minor - self.collected_minor
