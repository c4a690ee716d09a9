"""Deliveries taken on and settled: leases, so that no lock is held while a receiver is talked to.

Each endpoint has a few places at a time, one that fails a single one: a slow receiver, or a dead
one with thousands of messages waiting, takes nobody else's place.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db import connection, transaction

from config import audit
from config.states import InvalidTransition
from merchants.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from merchants.rules import ladder
from merchants.services.webhooks import endpoints

PLACES: Final = 4
PLACES_FAILING: Final = 1
GONE: Final = 410  # Standard Webhooks: the receiver wants no more of them
_State = WebhookDelivery.State

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery taken on, with all that sending it takes; ``number``: of this attempt."""

    delivery: int
    at: datetime  # of the event: names the partition
    endpoint: int
    number: int
    tries: int
    url: str
    webhook_id: str
    body: str
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt met with; ``error`` is "" for a success, ``status`` None without answer."""

    parcel: Parcel
    began_at: datetime
    duration_ms: int
    status: int | None
    error: str
    answer: bytes


@transaction.atomic
def claim(*, limit: int, busy: Mapping[int, int], at: datetime) -> list[Parcel]:
    """
    Take on up to ``limit`` deliveries that are due, the longest due first; two statements.

    ``busy``: how many this process has in hand of each endpoint. The attempt is counted now, so
    that one which kills its process is counted too; its row is due again when the lease is over.
    """
    told: dict[str, Any] = {
        "busy": list(busy),
        "taken": list(busy.values()),
        "places": PLACES,
        "failing": PLACES_FAILING,
        "limit": limit,
        "at": at,
        "until": at + timedelta(seconds=settings.WEBHOOK_LEASE_S),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, told)
        rows: list[tuple[int, datetime, int, int, int, str, str, str]] = cursor.fetchall()
    if not rows:
        return []
    secrets = _secrets({row[2] for row in rows}, at)
    return [Parcel(*row, tuple(secrets[row[2]])) for row in rows if row[2] in secrets]


def settle(*, outcomes: Sequence[Outcome], at: datetime, draws: Sequence[float]) -> None:
    """
    Note what came of attempts: five statements whatever the count, and some for each pause.

    ``draws``: a random number from 0 up to 1 for each outcome. An attempt that outlived its lease,
    and whose delivery was taken on anew or replayed, is logged and decides nothing.
    """
    if not outcomes:
        return
    with transaction.atomic():
        WebhookAttempt.objects.bulk_create([_logged(outcome) for outcome in outcomes])
        decided = _decide(outcomes, at, draws)
        failing = _note_health([o for o in outcomes if o.parcel.delivery in decided], at)
    _pause_hopeless(outcomes, failing, at)


def _secrets(keys: Collection[int], at: datetime) -> dict[int, list[str]]:
    """Return the secrets by endpoint; one removed just now, or damaged, stops nobody else."""
    found: dict[int, list[str]] = {}
    for secret in endpoints.live_secrets(endpoints=keys, at=at):
        try:
            found.setdefault(secret.endpoint_id, []).append(endpoints.opened(secret=secret))
        except (InvalidTag, KeyError):
            logger.exception("the secret %s cannot be opened", secret)
    return {key: opened for key, opened in found.items() if opened}


def _decide(outcomes: Sequence[Outcome], at: datetime, draws: Sequence[float]) -> set[int]:
    rows = []
    for outcome, draw in zip(outcomes, draws, strict=True):
        parcel = outcome.parcel
        state, following = _State.DELIVERED, at
        if outcome.error:
            again = ladder.next_try(tries=parcel.tries, at=at, draw=draw)
            state, following = (_State.PENDING, again) if again else (_State.FAILED, at)
        rows.append((parcel.delivery, parcel.at, parcel.number, str(state), following))
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, [at, *map(list, zip(*sorted(rows), strict=True))])
        return {delivery for (delivery,) in cursor.fetchall()}


def _note_health(outcomes: Sequence[Outcome], at: datetime) -> dict[int, datetime]:
    """Note which endpoints answered and which did not; return since when the latter have not."""
    well = {outcome.parcel.endpoint for outcome in outcomes if not outcome.error}
    ill = {outcome.parcel.endpoint for outcome in outcomes} - well
    with connection.cursor() as cursor:
        cursor.execute(_WELL, [sorted(well)])
        cursor.execute(_ILL, [at, sorted(ill)])
        return dict(cursor.fetchall())


def _pause_hopeless(
    outcomes: Sequence[Outcome], failing: Mapping[int, datetime], at: datetime
) -> None:
    """Pause who fails for days, and who wants no more at the address that said so."""
    because = WebhookEndpoint.PausedBecause
    hopeless = {key for key, since in failing.items() if _is_hopeless(since, at)}
    gone = {(o.parcel.endpoint, o.parcel.url) for o in outcomes if o.status == GONE}
    named = hopeless | {key for key, _url in gone}
    rows = WebhookEndpoint.objects.filter(pk__in=named, state=WebhookEndpoint.State.ENABLED)
    for row in rows.order_by("pk"):
        is_gone = (row.pk, row.url) in gone
        if not is_gone and row.pk not in hopeless:
            continue
        cause = because.GONE if is_gone else because.FAILING
        # Somebody may have paused or removed it this moment.
        with suppress(InvalidTransition, endpoints.WebhookRemoved):
            endpoints.pause(endpoint=row, because=cause, actor=audit.SYSTEM, at=at)


def _is_hopeless(since: datetime, at: datetime) -> bool:
    return ladder.is_hopeless(failing_since=since, at=at)


def _logged(outcome: Outcome) -> WebhookAttempt:
    return WebhookAttempt(
        delivery_id=outcome.parcel.delivery,
        number=outcome.parcel.number,
        at=outcome.began_at,
        status=outcome.status,
        error=outcome.error,
        duration_ms=outcome.duration_ms,
        answer=outcome.answer,
    )


_CLAIM: Final = """
WITH room AS (
    SELECT e.id, CASE WHEN e.failing_since IS NULL THEN %(places)s ELSE %(failing)s END
               - COALESCE(b.taken, 0) AS places
      FROM merchants_webhookendpoint e
      JOIN merchants_merchant m ON m.id = e.merchant_id AND m.state = 'ACTIVE'
      LEFT JOIN unnest(%(busy)s::bigint[], %(taken)s::int[]) AS b (id, taken) ON b.id = e.id
     WHERE e.state = 'ENABLED'
), due AS (
    SELECT d.id, d.at FROM room r CROSS JOIN LATERAL (
        SELECT id, at, next_at FROM merchants_webhookdelivery
         WHERE endpoint_id = r.id AND state = 'PENDING' AND next_at <= %(at)s
         ORDER BY next_at LIMIT greatest(r.places, 0) FOR NO KEY UPDATE SKIP LOCKED
    ) d ORDER BY d.next_at LIMIT %(limit)s
)
UPDATE merchants_webhookdelivery d
   SET attempts = d.attempts + 1, tries = d.tries + 1, next_at = %(until)s
  FROM due, merchants_webhookendpoint e
 WHERE d.id = due.id AND d.at = due.at AND e.id = d.endpoint_id
RETURNING d.id, d.at, e.id, d.attempts, d.tries, e.url, d.webhook_id, d.body
"""
# The number of the attempt is the fence: who took the row on later has a higher one.
_SETTLE: Final = """
UPDATE merchants_webhookdelivery d
   SET state = s.state, next_at = s.next_at,
       delivered_at = CASE WHEN s.state = 'DELIVERED' THEN %s ELSE d.delivered_at END
  FROM unnest(%s::bigint[], %s::timestamptz[], %s::int[], %s::text[], %s::timestamptz[])
       AS s (id, at, number, state, next_at)
 WHERE d.id = s.id AND d.at = s.at AND d.attempts = s.number AND d.state = 'PENDING'
RETURNING d.id
"""
_WELL: Final = """
UPDATE merchants_webhookendpoint SET failing_since = NULL
 WHERE id = ANY(%s) AND failing_since IS NOT NULL
"""
_ILL: Final = """
UPDATE merchants_webhookendpoint SET failing_since = COALESCE(failing_since, %s)
 WHERE id = ANY(%s) RETURNING id, failing_since
"""
