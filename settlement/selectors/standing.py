"""What stands against closing a shop's business day, and what only shows in its payout."""

from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from django.db.models import QuerySet

from merchants.models import Merchant
from settlement.models import Batch, Redemption
from settlement.selectors import closing, readers


class Standing(StrEnum):
    """Why a day is not closed at the desk."""

    BATCHES_WAITING = "batches_waiting"  # accepted and not posted
    SUSPENSE_OPEN = "suspense_open"  # a machine of the shop did not say what it paid out
    DAY_DIFFERS = "day_differs"  # sides that must be the same are not


class Against(NamedTuple):
    """One thing that stands against it, and how often."""

    code: Standing
    number: int


def against(*, merchant: Merchant, day: date) -> list[Against]:
    """Return what stands against closing the merchant's ``day``; nothing where it is ready."""
    batches = Batch.objects.filter(merchant=merchant, state=Batch.State.RECEIVED)
    found = (
        Against(Standing.BATCHES_WAITING, batches.count()),
        Against(Standing.SUSPENSE_OPEN, suspense_of(merchant=merchant).count()),
        Against(Standing.DAY_DIFFERS, len(closing.differences(merchant=merchant, day=day))),
    )
    return [each for each in found if each.number]


def suspense_of(*, merchant: Merchant) -> QuerySet[Redemption]:
    """Return the redemptions at the merchant's machines of which nobody knows what came out."""
    return Redemption.objects.filter(merchant=merchant, state=Redemption.State.SUSPENSE)


def missing_of(*, merchant: Merchant, at: datetime) -> list[str]:
    """Return the names of readers of which a batch has not come: the payout stays a draft."""
    return [
        each.item.device.name
        for each in readers.readers_of(merchant=merchant, at=at)
        if each.missing
    ]
