"""The peer of A1: two-leg postings as a plain ORM ledger writes them, one transaction each.

A journal row and two entries, after the shape of the usual Django ledgers: no evidence, no
deduplication, no positions, no events. It does less than ours does.
"""

from django.db import connection, models, transaction


class Journal(models.Model):
    """One movement of money."""

    posted_at = models.DateTimeField()
    reference = models.CharField(max_length=32, unique=True)

    class Meta:
        app_label = "benchmarks"

    def __str__(self):
        return self.reference


class Leg(models.Model):
    """One side of it; the two sum to zero."""

    journal = models.ForeignKey(Journal, on_delete=models.PROTECT)
    account = models.CharField(max_length=32, db_index=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)

    class Meta:
        app_label = "benchmarks"

    def __str__(self):
        return f"{self.account} {self.amount_minor}"


def create():
    """Make the peer's tables."""
    with connection.schema_editor() as editor:
        editor.create_model(Journal)
        editor.create_model(Leg)


def post(*, references, at):
    """Post one payment of 1,000 won per reference."""
    for reference in references:
        with transaction.atomic():
            journal = Journal.objects.create(posted_at=at, reference=reference)
            for account, minor in (("card", -1000), ("shop", 1000)):
                Leg.objects.create(
                    journal=journal, account=account, amount_minor=minor, currency="KRW"
                )
