"""Accounts with a balance, and two entries a payment."""

from django.db import models, transaction


class PlainAccount(models.Model):
    balance = models.BigIntegerField(default=0)

    def __str__(self):
        return f"account {self.pk}"


class PlainEntry(models.Model):
    account = models.ForeignKey(PlainAccount, on_delete=models.PROTECT, related_name="entries")
    amount = models.BigIntegerField()
    at = models.DateTimeField()

    def __str__(self):
        return f"entry {self.pk}"


@transaction.atomic
def post(*, debit, credit, amount, at):
    """Move ``amount`` between two accounts, both locked in the order of their ids."""
    rows = PlainAccount.objects.select_for_update().filter(pk__in=[debit, credit]).order_by("pk")
    held = {row.pk: row for row in rows}
    for pk, signed in ((debit, -amount), (credit, amount)):
        held[pk].balance += signed
        held[pk].save()
        PlainEntry.objects.create(account=held[pk], amount=signed, at=at)
