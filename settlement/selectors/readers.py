"""What the portal knows of a shop's readers: what they sent, what is missing, what was rejected."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Count, IntegerField, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from config.models import Device
from config.models.devices import DeviceKind
from issuers.selectors.downloads import versions_held
from merchants.models import Equipment, Merchant
from settlement.models import Batch, BatchRecord
from settlement.rules.offline import Reason

LATELY_DAYS: Final = 7
REJECTED_SHOWN: Final = 50
_OUT_OF_TURN: Final = "batch_sequence"  # why a batch was refused whose turn had not come
_ACCEPTED: Final = (Batch.State.RECEIVED, Batch.State.POSTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One reader by what the portal has of it; what it still holds it told at its last contact.

    ``missing``: first and last sequence that must come before a later batch can be taken.
    ``held``: issuer's name and list version, as the portal's own log has it.
    """

    item: Equipment
    last: Batch | None
    waiting: int
    posted_today: int
    rejected: int
    missing: tuple[int, int] | None
    held: list[tuple[str, int]]


def readers_of(*, merchant: Merchant, at: datetime) -> list[Reader]:
    """Return the shop's readers by name, in 4 queries; a revoked one while it has any batch.

    Today is the shop's own day; a rejection counts for ``LATELY_DAYS``.
    """
    items = list(_items(merchant))
    ids = [item.device_id for item in items]
    last = _last_batches(ids)
    verdicts = _verdicts(merchant, at)
    held = versions_held(devices=ids)
    return [
        Reader(
            item=item,
            last=last.get(item.device_id),
            waiting=item.waiting,  # type: ignore[attr-defined]  # annotated
            posted_today=verdicts.get(item.device_id, (0, 0))[0],
            rejected=verdicts.get(item.device_id, (0, 0))[1],
            missing=_missing(item),
            held=sorted(held.get(item.device_id, [])),
        )
        for item in items
        if item.device.state == Device.State.ACTIVE or item.device_id in last
    ]


def rejected_of(*, merchant: Merchant, at: datetime) -> QuerySet[BatchRecord]:
    """Return the shop's records rejected in the last ``LATELY_DAYS``, newest first."""
    rows = BatchRecord.objects.filter(
        batch__merchant=merchant,
        batch__received_at__gte=at - timedelta(days=LATELY_DAYS),
        state=BatchRecord.State.REJECTED,
    )
    return rows.select_related("batch__device").defer("batch__content").order_by("-id")


def readers_with_missing(*, merchant: str) -> int:
    """Return how many active readers of the merchant with that reference miss a batch."""
    rows = Equipment.objects.filter(
        merchant__reference=merchant, device__state=Device.State.ACTIVE
    ).annotate(**_sequences())
    return sum(_missing(item) is not None for item in rows)


def _items(merchant: Merchant) -> QuerySet[Equipment]:
    batches = Batch.objects.filter(device=OuterRef("device"), state=Batch.State.RECEIVED)
    waiting = batches.order_by().values("device").annotate(n=Count("pk")).values("n")
    rows = Equipment.objects.filter(merchant=merchant, device__kind=DeviceKind.READER)
    rows = rows.select_related("device", "store").order_by("device__name", "pk")
    return rows.annotate(
        waiting=Coalesce(Subquery(waiting, output_field=IntegerField()), 0), **_sequences()
    )


def _sequences() -> dict[str, Subquery | Coalesce]:
    """Return ``newest``, the last sequence taken in, and ``ahead``, the first refused beyond it."""
    mine = Batch.objects.filter(device=OuterRef("device")).order_by()
    newest = mine.filter(state__in=_ACCEPTED).order_by("-sequence").values("sequence")[:1]
    beyond = mine.filter(state=Batch.State.REFUSED, refusal=_OUT_OF_TURN)
    beyond = beyond.filter(sequence__gt=OuterRef("newest"))
    return {
        "newest": Coalesce(Subquery(newest), 0),
        "ahead": Subquery(beyond.values("device").annotate(first=Min("sequence")).values("first")),
    }


def _missing(item: Equipment) -> tuple[int, int] | None:
    newest, ahead = item.newest, item.ahead  # type: ignore[attr-defined]  # annotated
    return (newest + 1, ahead - 1) if ahead is not None and ahead > newest + 1 else None


def _last_batches(devices: list[int]) -> dict[int, Batch]:
    """Return the last batch of each reader that was taken in."""
    rows = Batch.objects.filter(device__in=devices, state__in=_ACCEPTED).defer("content")
    newest = rows.order_by("device_id", "-sequence").distinct("device_id")
    return {batch.device_id: batch for batch in newest}


def _verdicts(merchant: Merchant, at: datetime) -> dict[int, tuple[int, int]]:
    """Return by reader how many records were posted today, and rejected of late.

    A record that came twice was posted once.
    """
    today, lately = _midnight(merchant, at), at - timedelta(days=LATELY_DAYS)
    rows = BatchRecord.objects.filter(
        Q(batch__received_at__gte=lately) | Q(batch__posted_at__gte=today),
        batch__merchant=merchant,
    )
    posted = Q(state=BatchRecord.State.POSTED, batch__posted_at__gte=today)
    rejected = Q(state=BatchRecord.State.REJECTED, batch__received_at__gte=lately)
    counted = (
        rows.order_by()
        .values("batch__device")
        .annotate(
            posted=Count("pk", filter=posted & ~Q(reason=Reason.ALREADY_POSTED)),
            rejected=Count("pk", filter=rejected),
        )
    )
    return {
        device: (taken, turned_away)
        for device, taken, turned_away in counted.values_list("batch__device", "posted", "rejected")
    }


def _midnight(merchant: Merchant, at: datetime) -> datetime:
    local = at.astimezone(ZoneInfo(merchant.time_zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)
