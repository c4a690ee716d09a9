"""What a person or a program may know of result notifications: deliveries, and each datagram."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from config.models import Device, Event
from config.models.devices import DeviceKind
from config.wire.errors import Malformed
from merchants.models import (
    DatagramRecord,
    Equipment,
    Merchant,
    NotificationCursor,
    NotificationProcess,
    ResultNotification,
)
from merchants.rules.statuses import Status
from merchants.wire import tid as tids_wire

NONE: Final = ResultNotification.State.NONE.value


def delivery_of(*, tid: str) -> str:
    """Return the protocol's ``delivery`` of a T-ID's result: NONE while nobody waits for one."""
    return deliveries_of(tids=[tid])[tid]


def deliveries_of(*, tids: Iterable[str]) -> dict[str, str]:
    """Return the ``delivery`` of each of ``tids``, in one query."""
    asked = list(tids)
    rows = ResultNotification.objects.filter(tid__in=asked).values_list("tid", "state")
    return dict.fromkeys(asked, NONE) | dict(rows)


def datagrams_of(*, tid: str) -> QuerySet[DatagramRecord]:
    """Return the datagrams of a T-ID that were received and sent, oldest first."""
    return DatagramRecord.objects.filter(tid=tid).order_by("at", "id")


def processes_heard(*, since: datetime) -> list[str]:
    """Return the names (host-pid) of the server's processes that counted something lately."""
    rows = NotificationProcess.objects.filter(at__gt=since).order_by("name")
    return list(rows.values_list("name", flat=True))


def terminals_heard(*, most: int) -> list[int]:
    """Return the numbers of the terminals that may be heard now, the newest ``most`` of them."""
    rows = Equipment.objects.filter(
        number__isnull=False,
        device__kind=DeviceKind.TERMINAL,
        device__state=Device.State.ACTIVE,
        merchant__state=Merchant.State.ACTIVE,
    )
    numbers = rows.order_by("-id").values_list("number", flat=True)[:most]
    return [number for number in numbers if number is not None]


class Unsure(NamedTuple):
    """T-IDs whose payment may have gone on unheard: without a result (ids too), and approved."""

    registered: list[tuple[int, str]]
    approved: list[str]


def unsure(*, after: int, since: datetime, limit: int) -> Unsure:
    """Return registrations without a result, by id from ``after`` on, and the newest approvals.

    Those are the ones whose approval was made a message after ``since``. ``limit`` of each at most.
    """
    with connection.cursor() as cursor:
        cursor.execute(_UNSURE, [after, limit, since, limit])
        found = cursor.fetchall()
    registered = sorted((id_, tid) for id_, tid in found if id_ is not None)
    return Unsure(registered, [tid for id_, tid in found if id_ is None])


_UNSURE: Final = """
(SELECT id, tid FROM merchants_resultnotification
  WHERE state = 'NONE' AND id > %s ORDER BY id LIMIT %s)
UNION ALL
(SELECT NULL, tid FROM merchants_resultnotification
  WHERE told = 'APPROVED' AND told_at >= %s ORDER BY told_at DESC LIMIT %s)
"""


def events_now() -> tuple[int, int]:
    """Return the id of the newest event, and the one up to which the server had read before."""
    newest = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
    read = NotificationCursor.objects.values_list("event", flat=True).first()
    return newest, newest if read is None else read


def events_after(*, event: int, limit: int) -> list[tuple[int, Status | None]]:
    """Return the committed events above an id, oldest first: of a T-ID's payment its status."""
    return _events("id > %s", event, limit)


def events_among(*, ids: Iterable[int]) -> list[tuple[int, Status | None]]:
    """Return those of ``ids`` that are committed by now."""
    wanted = list(ids)
    return _events("id = ANY(%s)", wanted, len(wanted)) if wanted else []


def _events(condition: str, value: int | list[int], limit: int) -> list[tuple[int, Status | None]]:
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS.format(condition=condition), [value, limit])
        return [(int(id_), _status_in(told)) for id_, *told in cursor.fetchall()]


# Thousands of events of other kinds may stand between two of ours: their bodies are not read.
_EVENTS: Final = """
SELECT id, body #>> '{{payment,tid}}', body #>> '{{payment,state}}',
       body #>> '{{payment,amount}}', body #>> '{{payment,currency}}',
       body #>> '{{payment,approval_code}}'
  FROM (SELECT id, CASE WHEN type LIKE 'payment.%%' THEN body END AS body
          FROM config_event WHERE {condition} ORDER BY id LIMIT %s) e
 ORDER BY id
"""


def _status_in(told: Sequence[str | None]) -> Status | None:
    """Return the status an event tells; None for the payment of another channel."""
    tid, state, amount, currency, approval_code = told
    if not tid or not state or not currency or amount is None:
        return None
    try:
        number = tids_wire.parse(tid).number
    except Malformed:
        return None
    return Status(
        tid=tid,
        number=number,
        state=state,
        amount_minor=int(amount),
        currency=currency,
        approval_code=approval_code or "",
    )
