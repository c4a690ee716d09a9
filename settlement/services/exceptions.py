"""Exceptions: what a posting met that someone, or a later record, must explain."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from settlement.models import ExceptionItem
from settlement.models.batches import ATC_GAP, ATC_ROLLBACK
from settlement.rules.facts import Bearer
from settlement.rules.sheet import Entry, Sheet
from settlement.services import copying


def open_for(sheet: Sheet, *, at: datetime) -> None:
    """Open one per ATC gap or rollback, and per payment the cardholder does not bear.

    All of them stand in the queue of the card's issuer.
    """
    copying.insert(
        model=ExceptionItem,
        fields=("kind", "tenant", "payment_id", "detail", "opened_at", "resolution"),
        rows=[
            (kind, entry.taken.card and entry.taken.card.issuer, entry.payment_id, detail, at, "")
            for entry in sheet.entries
            if entry.verdict.posted
            for kind, detail in _kinds(entry)
        ],
    )


def _kinds(entry: Entry) -> Iterator[tuple[str, dict[str, int]]]:
    gap, liability = entry.verdict.gap, entry.verdict.liability
    if gap is not None:
        yield ATC_GAP, {"first": gap.first, "last": gap.last}
    if entry.verdict.rollback and entry.taken.record is not None:
        yield ATC_ROLLBACK, {"atc": entry.taken.record.atc}
    if liability.bearer is not Bearer.CARDHOLDER and entry.verdict.sale is None:
        yield liability.cause, {"claimed_version": entry.taken.claimed_version}


def close_filled(sheet: Sheet, *, at: datetime) -> None:
    """Resolve the gaps whose every ATC has come by now, from whatever reader."""
    columns = [list(column) for column in zip(*sorted(sheet.filling), strict=True)] or [[], []]
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE_FILLED, [at, "filled", *columns, ATC_GAP])


_CLOSE_FILLED = """
UPDATE settlement_exceptionitem e SET resolved_at = %s, resolution = %s
  FROM unnest(%s::bigint[], %s::bigint[]) AS late (card_id, device_id)
  JOIN issuers_credential c USING (card_id, device_id)
  JOIN settlement_payment p ON p.credential_id = c.id
 WHERE e.payment_id = p.id AND e.kind = %s AND e.resolved_at IS NULL
   AND (e.detail->>'last')::bigint - (e.detail->>'first')::bigint + 1 = (
       SELECT count(DISTINCT a.atc)
         FROM issuers_credential same JOIN settlement_atcseen a ON a.credential_id = same.id
        WHERE same.card_id = c.card_id AND same.device_id = c.device_id
          AND a.atc BETWEEN (e.detail->>'first')::bigint AND (e.detail->>'last')::bigint
   )
"""
