"""From the event stream to deliveries: rows written before anything is sent.

The cursor of an endpoint moves in the transaction that writes its rows. So each event becomes one
delivery, whoever dies when, and nothing of it rests on a broker.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from config import events
from config.models import Event
from merchants.models import WebhookDelivery

ENDPOINTS_AT_ONCE: Final = 50
EVENTS_AT_ONCE: Final = 200  # of each endpoint; then the others have their turn


@transaction.atomic
def write_due(*, at: datetime) -> int:
    """Write what is new for some of the endpoints that are behind; return how many events it was.

    Four statements whatever the count. Endpoints another process is writing for are passed over.
    """
    behind = _behind()
    if not behind:
        return 0
    cursors = {key: (scope, cursor) for key, scope, cursor, _head, _types in behind}
    news = events.after_each(cursors=cursors, limit=EVENTS_AT_ONCE)
    wanted = {key: set(types) for key, _scope, _cursor, _head, types in behind}
    rows = [
        _delivery(key, event, at)
        for key, found in news.items()
        for event in found
        if not wanted[key] or event.type in wanted[key]
    ]
    # The cursor keeps twins away; the unique index is the second net and must not stop the rest.
    WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    # Where nothing is left up to the head that was read, retention has taken it.
    heads = {key: news[key][-1].seq if key in news else head for key, _s, _c, head, _t in behind}
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [list(heads), list(heads.values())])
    return sum(map(len, news.values()))


def body_of(told: dict[str, Any]) -> str:
    """Return what is sent for an event: JSON without blanks, the same bytes each time."""
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def webhook_id_of(*, scope: str, seq: int) -> str:
    """Return the id of the message about an event, the same at every endpoint and every attempt."""
    return f"evt_{scope}_{seq}"


def _behind() -> Sequence[tuple[int, str, int, int, list[str]]]:
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, [ENDPOINTS_AT_ONCE])
        rows: Sequence[tuple[int, str, int, int, list[str]]] = cursor.fetchall()
        return rows


def _delivery(endpoint: int, event: Event, at: datetime) -> WebhookDelivery:
    assert event.seq is not None, "a cursor reads numbered events alone"
    return WebhookDelivery(
        endpoint_id=endpoint,
        webhook_id=webhook_id_of(scope=event.scope, seq=event.seq),
        seq=event.seq,
        type=event.type,
        at=event.at,
        body=body_of(import_string(settings.EVENT_TELLER)(event)),
        next_at=at,
    )


_BEHIND: Final = """
SELECT e.id, m.reference, e.cursor, h.seq, e.event_types
  FROM merchants_webhookendpoint e
  JOIN merchants_merchant m ON m.id = e.merchant_id AND m.state = 'ACTIVE'
  JOIN config_eventhead h ON h.scope = m.reference AND h.seq > e.cursor
 WHERE e.state = 'ENABLED'
 ORDER BY random() LIMIT %s FOR NO KEY UPDATE OF e SKIP LOCKED
"""
_MOVE: Final = """
UPDATE merchants_webhookendpoint e SET cursor = moved.seq
  FROM unnest(%s::bigint[], %s::bigint[]) AS moved (id, seq) WHERE e.id = moved.id
"""
