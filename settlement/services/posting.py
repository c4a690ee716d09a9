"""Posting: the waiting batches of many readers become one entry into the books."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q

from config import references
from config.models import Alert
from issuers.services import counters
from settlement.models import Batch, Payment
from settlement.rules.offline import genuine_of
from settlement.rules.sheet import Sheet, draw_up
from settlement.services import (
    copying,
    days,
    disputes,
    entries,
    evidence,
    exceptions,
    history,
    offline_events,
    offline_money,
)
from settlement.services.evidence import Evidence

_LEASE_S: Final = 20  # a killed worker's batches wait that long, then twice as long, …
_DOUBLINGS_MAX: Final = 5
_STUCK_AFTER: Final = 5
_RACES_MAX: Final = 3


def post_waiting(*, limit: int, at: datetime) -> int:
    """
    Post up to ``limit`` accepted batches together and return how many that were.

    Any number of workers may run it at once: each batch posts once, and a reader's batches in the
    order of their sequence. Batches no worker has tried come first, joined; one that failed before
    is tried alone, later and later, so it holds up nothing but its own reader. Cards of disputes
    are put on the blacklist last, and counters are reset where the programme wants it at posting.
    """
    claimed = _claim(limit=limit, at=at) or _claim_again(at=at)
    posted = post(batches=evidence.gather(batch_ids=claimed), at=at) if claimed else 0
    disputes.list_cards(at=at)
    counters.reset_posted(at=at)
    return posted


def post(*, batches: Sequence[Evidence], at: datetime) -> int:
    """
    Post these batches in one transaction of a fixed number of statements; return how many.

    A batch that was posted meanwhile, is being posted, or must wait for an earlier one of its
    reader is left out. When another posting takes an ATC between our reading and our writing, we
    begin again with its record in our history.
    """
    for _ in range(_RACES_MAX - 1):
        try:
            return _post(batches, at)
        except IntegrityError:
            continue
    return _post(batches, at)


@transaction.atomic
def _post(batches: Sequence[Evidence], at: datetime) -> int:
    free = _lock(batch.batch_id for batch in batches)
    mine = [batch for batch in batches if batch.batch_id in free]
    if not mine:
        return 0
    sheet = _judge(mine)
    _write(mine, sheet, at)
    return len(mine)


def _judge(batches: Sequence[Evidence]) -> Sheet:
    records = list(chain.from_iterable(batch.records for batch in batches))
    genuine = [genuine_of(taken) for taken in records if taken.genuine and taken.card]
    ids = copying.reserve_ids(model=Payment, count=len(genuine))
    fresh = ((pk, references.new("PAY")) for pk in ids)
    return draw_up(records=records, history=history.load(genuine), fresh=fresh)


def _write(batches: Sequence[Evidence], sheet: Sheet, at: datetime) -> None:
    """Write in the house's lock order: documents, card accounts, transfers, events."""
    entries.insert_payments(sheet, at=at)
    entries.use_atcs(sheet)
    entries.reverse_sales(sheet)
    entries.insert_records(sheet)
    disputes.open_for(sheet, at=at)
    offline_money.post(sheet, at=at)
    exceptions.open_for(sheet, at=at)
    exceptions.close_filled(sheet, at=at)
    days.add(sheet)
    Batch.objects.filter(pk__in=[batch.batch_id for batch in batches]).update(
        state=Batch.State.POSTED, posted_at=at, leased_until=None
    )
    offline_events.write(batches=batches, sheet=sheet, at=at)


def _lock(batch_ids: Iterable[int]) -> set[int]:
    """Lock what is still to be posted and return it, less what must wait for an earlier batch.

    A batch that another worker holds is passed over, and so are the later ones of its reader: a
    void must not be judged before its sale.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [sorted(batch_ids)])
        locked = {pk for (pk,) in cursor.fetchall()}
        cursor.execute(_TOO_EARLY, [sorted(locked), sorted(locked)])
        early = {pk for (pk,) in cursor.fetchall()}
        cursor.execute(_GIVE_BACK, [sorted(early)])
    return locked - early


_LOCK = """
SELECT id FROM settlement_batch
 WHERE id = ANY(%s) AND state = 'RECEIVED' ORDER BY id FOR UPDATE SKIP LOCKED
"""
# A statement of its own, so a snapshot of its own: what was posted since is no longer in the way.
_TOO_EARLY = """
SELECT mine.id FROM settlement_batch mine
 WHERE mine.id = ANY(%s) AND EXISTS (
     SELECT FROM settlement_batch before
      WHERE before.device_id = mine.device_id AND before.sequence < mine.sequence
        AND before.state = 'RECEIVED' AND before.id <> ALL(%s))
"""
_GIVE_BACK = """
UPDATE settlement_batch SET leased_until = NULL, attempts = GREATEST(attempts - 1, 0)
 WHERE id = ANY(%s)
"""


def _claim(*, limit: int, at: datetime) -> list[int]:
    """Take on batches that no worker has tried, and whose reader's earlier ones are not stuck."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [limit, at + timedelta(seconds=_LEASE_S)])
        return sorted(pk for (pk,) in cursor.fetchall())


_CLAIM = """
WITH fresh AS (
    SELECT id FROM settlement_batch b
     WHERE state = 'RECEIVED' AND attempts = 0 AND NOT EXISTS (
         SELECT FROM settlement_batch before
          WHERE before.device_id = b.device_id AND before.sequence < b.sequence
            AND before.state = 'RECEIVED' AND before.attempts > 0)
     ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE settlement_batch b SET attempts = 1, leased_until = %s FROM fresh WHERE b.id = fresh.id
RETURNING b.id
"""


@transaction.atomic
def _claim_again(*, at: datetime) -> list[int]:
    """Take on the least tried batch whose lease ran out, alone; tell of one that keeps failing."""
    waiting = Batch.objects.filter(state=Batch.State.RECEIVED)
    before = waiting.filter(device=OuterRef("device"), sequence__lt=OuterRef("sequence"))
    due = waiting.filter(Q(leased_until=None) | Q(leased_until__lte=at), ~Exists(before))
    tried = due.filter(attempts__gt=0).order_by("attempts", "pk")
    batch = tried.select_for_update(skip_locked=True, of=("self",)).first()
    if batch is None:
        return []
    wait_s = _LEASE_S * 2 ** min(batch.attempts, _DOUBLINGS_MAX)
    Batch.objects.filter(pk=batch.pk).update(
        attempts=batch.attempts + 1, leased_until=at + timedelta(seconds=wait_s)
    )
    if batch.attempts >= _STUCK_AFTER:
        Alert.objects.get_or_create(
            kind="batch_stuck",
            subject=batch.reference,
            cleared_at=None,
            defaults={
                "tenant": batch.merchant.reference,
                "detail": f"Posting it failed {batch.attempts} times.",
                "raised_at": at,
            },
        )
    return [batch.pk]
