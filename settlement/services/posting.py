"""Posting: the waiting batches of many readers become one entry into the books."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Value

from config import garbage
from config.looks import Look
from config.models import Alert
from issuers.services import counters, debts
from settlement.models import Batch
from settlement.services import disputes, evidence, writing
from settlement.services.evidence import Evidence

_DOUBLINGS_MAX: Final = 5
_STUCK_AFTER: Final = 5
_RACES_MAX: Final = 3
_TURN_S: Final = 0.001
_FIRST_SETS: Final = (4, 2)  # the first is a quarter of the usual size, the next a half
_POSTERS_LOCK: Final = 0x50_6F_73  # one posting at a time: see the decision


def post_waiting(*, limit: int, at: datetime) -> int:
    """
    Post up to ``limit`` accepted batches together and return how many that were.

    Any number of workers may run it at once: each batch posts once, and a reader's batches in the
    order of their sequence. Batches no worker has tried come first, joined; one that failed before
    is tried alone, later and later, so it holds up nothing but its own reader. Cards of disputes
    are put on the blacklist last, and counters are reset where the programme wants it at posting.
    One statement where there is nothing to do.
    """
    found = _look(at=at)
    if "batches" not in found:
        _follow(found, at=at)
        return 0
    proven = _take_on(limit=limit, at=at)
    posted = post(batches=proven, at=at) if proven else 0
    _follow_up(at=at)
    return posted


@garbage.left_alone()
def post_all_waiting(*, limit: int, clock: Callable[[], datetime], until: datetime) -> int:
    """
    Post what waits, ``limit`` batches at a time, and return how many that were.

    While one set is posted, which is mostly the database's work, a thread beside this one takes on
    the next and verifies it. The first sets are small, for the database has nothing to do before
    the first is verified. No set is taken on after ``until``, so that no worker holds batches it
    will not post; one taken on and not posted, for an error came first, is given back. One
    statement, and no thread, where there is nothing to do.
    """
    at = clock()
    found = _look(at=at)
    if "batches" not in found:
        _follow(found, at=at)
        return 0
    posted = 0
    sizes = chain((max(1, limit // part) for part in _FIRST_SETS), repeat(limit))
    with ThreadPoolExecutor(max_workers=1) as beside, _quick_turns():
        coming = beside.submit(_take_on, limit=next(sizes), at=clock())
        try:
            while proven := coming.result():
                coming = _next_set(beside, next(sizes), clock(), until, after=proven)
                posted += post(batches=proven, at=clock())
                _follow_up(at=clock())
        except BaseException:
            _give_back(coming)
            raise
        finally:
            beside.submit(_close_connection).result()
    _follow_up(at=clock())
    return posted


def _close_connection() -> None:
    connection.close()  # that of the thread which runs this


def _next_set(
    beside: ThreadPoolExecutor,
    limit: int,
    at: datetime,
    until: datetime,
    *,
    after: Sequence[Evidence],
) -> Future[list[Evidence]]:
    if at < until:
        before = [batch.batch_id for batch in after]
        return beside.submit(_take_on, limit=limit, at=at, before=before)
    nothing: Future[list[Evidence]] = Future()
    nothing.set_result([])
    return nothing


def _give_back(coming: Future[list[Evidence]]) -> None:
    """Let another worker have what was taken on and will not be posted here."""
    if coming.exception() is None:
        taken = [batch.batch_id for batch in coming.result()]
        with connection.cursor() as cursor:
            cursor.execute(_GIVE_BACK, [taken])


@contextmanager
def _quick_turns() -> Iterator[None]:
    """Let threads take turns often: the one that posts must not wait 5 ms after each statement."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual_s)


def _take_on(*, limit: int, at: datetime, before: Sequence[int] = ()) -> list[Evidence]:
    """Claim batches and verify them; ``before``: those this worker is sure to post first."""
    claimed = _claim(limit=limit, at=at, before=before)
    if not claimed and not before:
        claimed = _claim_again(at=at)
    return evidence.gather(batch_ids=claimed) if claimed else []


def _look(*, at: datetime) -> frozenset[str]:
    """Return what there is to do, each by its name, in one statement."""
    return frozenset(name for (name,) in _LOOK.at(at))


def _waiting(at: datetime) -> QuerySet[Any, Any]:
    # In the order of the index that holds what waits: however few these are, no table is read.
    waiting: dict[str, QuerySet[Any]] = {
        "batches": _to_be_taken_on(at).order_by("pk"),
        "disputes": disputes.unlisted().order_by("pk"),
        "debts": debts.unlisted().order_by("pk"),
        "counters": counters.due_at_posting(at=at).order_by("posted_since"),
    }
    first, *others = (rows.values_list(Value(name))[:1] for name, rows in waiting.items())
    return first.union(*others, all=True)


_LOOK: Final = Look(_waiting)


def _to_be_taken_on(at: datetime) -> QuerySet[Any]:
    """Return the batches that are untried or whose lease ran out, were it their reader's turn."""
    free = Q(attempts=0) | Q(leased_until=None) | Q(leased_until__lte=at)
    return Batch.objects.filter(free, state=Batch.State.RECEIVED)


def _follow_up(*, at: datetime) -> None:
    """Do what follows from postings: of this one, and of earlier ones whose worker was killed."""
    _follow(_look(at=at), at=at)


def _follow(found: frozenset[str], *, at: datetime) -> None:
    if "disputes" in found:
        disputes.list_cards(at=at)
    if "debts" in found:
        debts.list_cards(at=at)
    if "counters" in found:
        counters.reset_posted(at=at)


@garbage.left_alone()
def post(*, batches: Sequence[Evidence], at: datetime) -> int:
    """
    Post these batches in one transaction, as :func:`writing.write` does; return how many.

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
    _wait_for_turn()
    free = _lock(batch.batch_id for batch in batches)
    mine = [batch for batch in batches if batch.batch_id in free]
    if not mine:
        return 0
    writing.write(batches=mine, at=at)
    return len(mine)


def _wait_for_turn() -> None:
    """Post one at a time: batches of the same cards at once would wait for each other, and find
    gaps that the other is about to fill.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_POSTERS_LOCK])


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
        AND before.state = 'RECEIVED' AND before.id <> ALL(%s::bigint[]))
"""
_GIVE_BACK = """
UPDATE settlement_batch SET leased_until = NULL, attempts = GREATEST(attempts - 1, 0)
 WHERE id = ANY(%s)
"""


def _claim(*, limit: int, at: datetime, before: Sequence[int] = ()) -> list[int]:
    """Take on batches that no worker has tried, and whose reader's earlier ones are not stuck.

    Those of ``before`` are not: the caller posts them first.
    """
    with connection.cursor() as cursor:
        leased_until = at + timedelta(seconds=settings.POSTING_LEASE_S)
        cursor.execute(_CLAIM, [list(before), limit, leased_until])
        return sorted(pk for (pk,) in cursor.fetchall())


_CLAIM = """
WITH fresh AS (
    SELECT id FROM settlement_batch b
     WHERE state = 'RECEIVED' AND attempts = 0 AND NOT EXISTS (
         SELECT FROM settlement_batch before
          WHERE before.device_id = b.device_id AND before.sequence < b.sequence
            AND before.state = 'RECEIVED' AND before.attempts > 0
            AND before.id <> ALL(%s::bigint[]))
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
    # A killed worker's batches wait for one lease, then twice as long, …
    wait_s = settings.POSTING_LEASE_S * 2 ** min(batch.attempts, _DOUBLINGS_MAX)
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
