"""Exceptions: what a posting met that someone, or a later record, must explain."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.db import connection

from settlement.models import ExceptionItem
from settlement.models.batches import ATC_GAP, ATC_ROLLBACK, RECORD_BACKDATED, TAMPERING
from settlement.rules.facts import Bearer, Genuine, Weighed
from settlement.rules.offline import Verdict
from settlement.rules.sheet import Entry, Sheet
from settlement.services import copying

_BACKDATED_S: Final = 5 * 60  # less is two clocks apart


def open_for(sheet: Sheet, *, at: datetime) -> None:
    """Open one per ATC gap or rollback, per time the portal did not believe, and per payment the
    cardholder does not bear, with all it was decided by.

    All of them stand in the queue of the card's issuer.
    """
    rows = [
        (kind, entry.taken.card and entry.taken.card.issuer, entry.payment_id, detail, at, "")
        for entry in sheet.entries
        if not _is_plain(entry.verdict)
        for kind, detail in _kinds(entry)
    ]
    if rows:
        fields = ("kind", "tenant", "payment_id", "detail", "opened_at", "resolution")
        copying.insert(model=ExceptionItem, fields=fields, rows=rows)


def _is_plain(verdict: Verdict) -> bool:
    """Return whether there is nothing to explain, as with nearly all."""
    if verdict.gap is not None or verdict.rollback:
        return False
    return verdict.weighed is None or verdict.weighed.is_plain


def _kinds(entry: Entry) -> Iterator[tuple[str, dict[str, Any]]]:
    verdict = entry.verdict
    gap, weighed = verdict.gap, verdict.weighed
    if gap is not None:
        yield ATC_GAP, {"first": gap.first, "last": gap.last}
    if verdict.rollback and entry.taken.record is not None:
        yield ATC_ROLLBACK, {"atc": entry.taken.record.atc}
    if weighed is None or weighed.is_plain or entry.effect is None:
        return
    genuine, _sale = entry.effect
    if weighed.counted.at - genuine.record.at > _BACKDATED_S:
        yield RECORD_BACKDATED, _times(genuine, weighed)
    if weighed.liability.bearer is not Bearer.CARDHOLDER:
        yield weighed.liability.cause, _grounds(genuine, weighed)
    if weighed.tampered and weighed.liability.cause != TAMPERING:
        yield TAMPERING, _grounds(genuine, weighed)


def _times(genuine: Genuine, weighed: Weighed) -> dict[str, Any]:
    """Return the tap's time as recorded and as it counts, in epoch seconds."""
    said = {"tapped_at": genuine.record.at, "counted_at": weighed.counted.at}
    return said | {"because": weighed.counted.because}


def _grounds(genuine: Genuine, weighed: Weighed) -> dict[str, Any]:
    """Return what the liability was decided by; times in epoch seconds, versions of the list."""
    assert weighed.listing is not None, "only a listed card's sale is not the cardholder's"
    added_in, _removed = weighed.listing.versions.get(genuine.credential.list_number, (None, None))
    return _times(genuine, weighed) | {
        "listed_at": int(weighed.listing.listed_at),
        "added_in": added_in,
        "claimed_version": genuine.taken.claimed_version,
        "given_version": weighed.given,
    }


def close_filled(sheet: Sheet, *, at: datetime) -> None:
    """Resolve the gaps whose every ATC has come by now, from whatever reader."""
    if not sheet.filling:
        return
    columns = [list(column) for column in zip(*sorted(sheet.filling), strict=True)]
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
