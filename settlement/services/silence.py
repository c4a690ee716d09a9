"""Readers that fell silent: one open exception a reader, which ends when it sends.

Two things tell of sales that may never reach the books, though no sequence is missing:

- phones uploaded copies of sales at a reader, the time in which it could still send them is over
  (``too_late``, protocol §5), and no batch of it has come since the tap;
- a reader that has sent batches before was not heard of for longer than it may keep a record.

A copy alone proves no sale, for a phone keeps what its reader declined as well. So a reader that
has sent since is not asked about it, nor is one whose question the portal itself answered.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection

from settlement.models import Batch, ExceptionItem
from settlement.models.batches import READER_SILENT

_SENT: Final = "sent"  # how one ended by itself
_HEARD: Final = "heard of"
_SENDABLE: Final = timedelta(days=8)  # as long as the portal takes a record (protocol §5)


class _Silent(NamedTuple):
    reference: str
    name: str
    owner: str
    seen_at: datetime
    last_batch: datetime | None
    copies: int
    first: datetime | None


def look(*, at: datetime) -> int:
    """Open an exception for each reader that fell silent; end those of readers heard of since.

    Return how many were opened. What somebody explained by hand is opened again only by what came
    after: a copy uploaded since, or a new silence of a reader that was heard of in between.
    """
    _end_heard(at)
    items = [_item(reader, at) for reader in _silent(at)]
    # Two at once open one: the database holds that there is one open exception a reader.
    before = ExceptionItem.objects.filter(kind=READER_SILENT).count()
    ExceptionItem.objects.bulk_create(items, ignore_conflicts=True)
    return ExceptionItem.objects.filter(kind=READER_SILENT).count() - before


def end(*, batch: Batch, at: datetime) -> None:
    """End the silence of the reader whose ``batch`` was just taken in, if it was accepted."""
    if batch.state != Batch.State.REFUSED:
        mine = ExceptionItem.objects.filter(
            kind=READER_SILENT,
            tenant=batch.merchant.reference,
            resolved_at=None,
            detail__reader=batch.device.reference,
        )
        mine.update(resolved_at=at, resolution=_SENT)


def _item(reader: _Silent, at: datetime) -> ExceptionItem:
    return ExceptionItem(
        kind=READER_SILENT,
        tenant=reader.owner,
        detail={
            "reader": reader.reference,
            "name": reader.name,
            "seen_at": _seconds(reader.seen_at),
            "last_batch": _seconds(reader.last_batch),
            "copies": reader.copies,
            "first": _seconds(reader.first),
        },
        opened_at=at,
    )


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def _end_heard(at: datetime) -> None:
    """End those that only nothing was heard of; where phones tell of sales, it has to send."""
    with connection.cursor() as cursor:
        cursor.execute(_END_HEARD, [at, _HEARD, READER_SILENT])


_END_HEARD = """
UPDATE settlement_exceptionitem e SET resolved_at = %s, resolution = %s
  FROM config_device d
 WHERE e.kind = %s AND e.resolved_at IS NULL AND d.reference = e.detail->>'reader'
   AND (e.detail->>'copies')::int = 0 AND d.seen_at > e.opened_at
"""


def _silent(at: datetime) -> Iterator[_Silent]:
    told: dict[str, Any] = {
        "at": at,
        "sendable": at - _SENDABLE,
        "kind": READER_SILENT,
        "by_itself": [_SENT, _HEARD],
    }
    with connection.cursor() as cursor:
        cursor.execute(_SILENT, told)
        yield from map(_Silent._make, cursor.fetchall())


# Copies count by the reader's clock; one that came in a batch dated before its tap is in atcseen.
_SILENT = """
WITH told AS (
    SELECT detail->>'reader' AS reader, bool_or(resolved_at IS NULL) AS open,
           max(resolved_at) FILTER (WHERE resolution <> ALL (%(by_itself)s)) AS at
      FROM settlement_exceptionitem WHERE kind = %(kind)s GROUP BY detail->>'reader'
)
SELECT d.reference, d.name, d.owner, COALESCE(d.seen_at, d.enrolled_at), last.received_at,
       copies.n, copies.first
  FROM config_device d
  JOIN merchants_equipment e ON e.device_id = d.id
  LEFT JOIN told explained ON explained.reader = d.reference
  LEFT JOIN LATERAL (
      SELECT received_at FROM settlement_batch b
       WHERE b.device_id = d.id AND b.state <> 'REFUSED' ORDER BY b.sequence DESC LIMIT 1
  ) last ON true
  LEFT JOIN LATERAL (
      SELECT count(*) AS n, min(o.tapped_at) AS first
        FROM wallets_offlinecopy o
       WHERE o.reader = d.reference AND o.tapped_at <= %(sendable)s
         AND o.tapped_at > GREATEST(d.enrolled_at, last.received_at)
         AND (explained.at IS NULL OR o.received_at > explained.at)
         AND NOT EXISTS (
             SELECT FROM issuers_credential own
               JOIN issuers_credential same
                 ON same.card_id = own.card_id AND same.device_id = own.device_id
               JOIN settlement_atcseen a ON a.credential_id = same.id
              WHERE own.id = o.credential_id AND a.atc = o.atc
                AND a.payload_digest = o.payload_digest)
         AND NOT EXISTS (
             SELECT FROM issuers_authorisation asked
              WHERE asked.document
                    = rtrim(translate(encode(o.payload_digest, 'base64'), '+/', '-_'), '='))
  ) copies ON true
 WHERE d.kind = 'READER' AND explained.open IS NOT TRUE
   AND (copies.n > 0
        OR d.state = 'ACTIVE' AND last.received_at IS NOT NULL
           AND COALESCE(d.seen_at, last.received_at) < %(at)s - e.max_age_days * interval '1 day'
           AND (explained.at IS NULL OR d.seen_at > explained.at))
"""
