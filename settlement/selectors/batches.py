"""Batches as people see them."""

from django.db.models import QuerySet

from config.models import User
from config.people.access import tenants_with
from config.roles import Right
from settlement.models import Batch, BatchRecord


def batches_visible_to(user: User) -> QuerySet[Batch]:
    """Return the batches of the merchants ``user`` works for; an issuer has none of its own."""
    tenants = tenants_with(user=user, right=Right.SEE_BATCHES)
    rows = Batch.objects.select_related("device", "merchant").defer("content")
    if tenants.everything:
        return rows
    return rows.filter(merchant__reference__in=tenants.references)


def records_of(*, batch: Batch) -> QuerySet[BatchRecord]:
    """Return the verdicts on a batch's records, in its order."""
    return batch.records.select_related("payment", "card", "dispute").order_by("index")
