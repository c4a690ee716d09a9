"""What was posted, listed and fetched before, in at most ten queries under the batches' locks."""

import sys
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import Any, Final, NamedTuple

from django.db import connection

from config import arrays, pipeline
from config.pipeline import Statement
from settlement.rules import liability
from settlement.rules.facts import (
    Bearer,
    Block,
    Counter,
    Genuine,
    History,
    Liability,
    Listing,
    Sale,
    Seen,
    Tap,
)
from settlement.rules.fees import Terms
from wallets.wire import RecordKind


def load(records: Sequence[Genuine]) -> History:
    """
    Return the history that judging ``records`` may ask for, as it stands now.

    The sales that voids name are locked until the transaction ends, in the order of their ids.
    """
    history = History()
    _fill(history, records, (_NEWEST, _SALES, _FIRST_GIVEN, _EMPTIED, _AGREED))
    if behind := _not_ahead(records, history):
        _fill(history, behind, (_SEEN, _LATEST))
    _load_listings(history, records)
    _load_fetched(history, records)
    return history


def load_counters(records: Sequence[Genuine]) -> History:
    """Return what was posted under the counters of ``records``, as it stands now; four queries."""
    history = History()
    _fill(history, records, (_SEEN, _NEWEST, _LATEST, _AGREED))
    return history


def _not_ahead(records: Sequence[Genuine], history: History) -> list[Genuine]:
    """
    Return the records whose ATC, or a later one, may have come before; most are ahead of all that.

    Whatever is used up under a certificate of the counter, by a sale or not, is at most its newest.
    """
    newest = history.newest
    return [each for each in records if each.record.atc <= newest.get(each.counter, 0)]


type _Rows = list[tuple[Any, ...]]


class _Query(NamedTuple):
    """A question about many records: what of them it asks, and where its rows go."""

    sql: str
    width: int  # arrays of parameters
    asked: Callable[[Sequence[Genuine]], set[Any]]
    take: Callable[[History, _Rows], None]


def _fill(history: History, records: Sequence[Genuine], queries: Sequence[_Query]) -> None:
    """Ask all of ``queries`` in one round trip; while one is answered the next is put together."""
    answers = pipeline.run_as_made(_statement(each, records) for each in queries)
    for query, answer in zip(queries, answers, strict=True):
        query.take(history, answer.rows)


def _statement(query: _Query, records: Sequence[Genuine]) -> Statement:
    asked = sorted(query.asked(records))
    return Statement(query.sql, arrays.columns(asked, width=query.width))


def _atcs(records: Sequence[Genuine]) -> set[tuple[int, int]]:
    return {genuine.used_atc for genuine in records}


def _take_seen(history: History, rows: _Rows) -> None:
    for first_id, atc, digest, payment_id in rows:
        history.seen[first_id, atc] = Seen(bytes(digest), payment_id)


# Looked up one by one, whatever the planner thinks of reading millions of ATCs for thousands.
_SEEN: Final = _Query(
    """
SELECT asked.credential_id, asked.atc, seen.payload_digest, seen.payment_id
  FROM unnest(%s::bigint[], %s::bigint[]) AS asked (credential_id, atc)
  CROSS JOIN LATERAL (
      SELECT payload_digest, payment_id FROM settlement_atcseen a
       WHERE a.credential_id = asked.credential_id AND a.atc = asked.atc LIMIT 1
  ) seen
""",
    2,
    _atcs,
    _take_seen,
)


def _counters(records: Sequence[Genuine]) -> set[Counter]:
    return {genuine.counter for genuine in records}


def _take_newest(history: History, rows: _Rows) -> None:
    for card_id, phone_id, atc in rows:
        counter = (card_id, phone_id)
        history.newest[counter] = max(atc, history.newest.get(counter, 0))


# A renewed certificate goes on counting where the one before stopped (protocol §5). Looked for from
# where the credential was left, for a scan reads all that its page has of the credential.
_NEWEST: Final = _Query(
    """
SELECT c.card_id, c.device_id, COALESCE(
           (SELECT atc FROM settlement_atcseen a
             WHERE a.credential_id = c.id AND a.atc >= c.posted_atc ORDER BY atc DESC LIMIT 1),
           (SELECT atc FROM settlement_atcseen a
             WHERE a.credential_id = c.id ORDER BY atc DESC LIMIT 1), 0)
  FROM unnest(%s::bigint[], %s::bigint[]) AS asked (card_id, device_id)
  JOIN issuers_credential c USING (card_id, device_id)
""",
    2,
    _counters,
    _take_newest,
)


def _lowest(records: Sequence[Genuine]) -> set[tuple[int, int, int]]:
    """Return each counter with the lowest ATC that came of it."""
    lowest: dict[Counter, int] = {}
    for genuine in records:
        counter, atc = genuine.counter, genuine.record.atc
        if atc < lowest.get(counter, sys.maxsize):
            lowest[counter] = atc
    return {(*counter, atc) for counter, atc in lowest.items()}


def _take_latest(history: History, rows: _Rows) -> None:
    for card_id, phone_id, atc, sold_at in rows:
        counter = (card_id, phone_id)
        latest = history.latest.get(counter)
        if latest is None or atc > latest.atc:
            history.latest[counter] = Tap(atc, int(sold_at.timestamp()))


# The latest sale matters to a record behind it alone, so it is asked for beyond the lowest ATC.
_LATEST: Final = _Query(
    """
SELECT c.card_id, c.device_id, latest.atc, latest.created_at
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS asked (card_id, device_id, lowest_atc)
  JOIN issuers_credential c USING (card_id, device_id)
  CROSS JOIN LATERAL (
      SELECT atc, created_at FROM settlement_payment p
       WHERE p.credential_id = c.id AND p.channel = 'OFFLINE' AND p.atc > asked.lowest_atc
       ORDER BY atc DESC LIMIT 1
  ) latest
""",
    3,
    _lowest,
    _take_latest,
)


def _voided(records: Sequence[Genuine]) -> set[tuple[int, int, int | None]]:
    return {
        (*genuine.counter, genuine.record.voided_atc)
        for genuine in records
        if genuine.record.kind is RecordKind.VOID
    }


def _take_sales(history: History, rows: _Rows) -> None:
    for row in rows:
        card_id, phone_id, atc, payment_id, reference, reader_id, *rest = row
        amount_minor, currency, business_date, bearer, cause, is_whole = rest
        history.sales[(card_id, phone_id), atc] = Sale(
            payment_id=payment_id,
            reference=reference,
            reader_id=reader_id,
            amount_minor=amount_minor,
            currency=currency,
            business_date=business_date,
            liability=Liability(Bearer(bearer), cause),
            voided=not is_whole,  # reversed, or something of it was refunded
        )


_SALES: Final = _Query(
    """
SELECT c.card_id, c.device_id, p.atc, p.id, p.reference, p.device_id,
       p.amount_minor, p.currency, p.business_date, p.bearer, p.bearer_cause,
       p.state = 'APPROVED' AND p.refunded_minor = 0
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS asked (card_id, device_id, atc)
  JOIN issuers_credential c USING (card_id, device_id)
  JOIN settlement_payment p
    ON p.credential_id = c.id AND p.atc = asked.atc AND p.channel = 'OFFLINE'
 ORDER BY p.id
   FOR NO KEY UPDATE OF p
""",
    3,
    _voided,
    _take_sales,
)


def _load_listings(history: History, records: Iterable[Genuine]) -> None:
    asked = {(genuine.card.card_id,) for genuine in records}
    entries: dict[int, Listing] = {}
    blocks: dict[int, dict[int, Block]] = {}
    for row in _rows(_LISTINGS, asked, width=1):
        entry_id, card_id, phone_id, listed_at, lifted_at, *listed = row
        if entry_id not in entries:
            blocks[entry_id] = {}
            since, until = listed_at.timestamp(), lifted_at and lifted_at.timestamp()
            entries[entry_id] = Listing(since, until, {}, blocks[entry_id], phone_id)
            history.listings.setdefault(card_id, []).append(entries[entry_id])
        list_number, added_in, removed_in = listed
        entries[entry_id].versions[list_number] = (added_in, removed_in)
    for entry_id, phone_id, version, applied_at in _rows(
        _BLOCKS, {(pk,) for pk in entries}, width=1
    ):
        blocks[entry_id][phone_id] = Block(version, applied_at and applied_at.timestamp())


_LISTINGS = """
SELECT e.id, e.card_id, e.device_id, e.listed_at, e.lifted_at,
       n.list_number, n.added_in, n.removed_in
  FROM unnest(%s::bigint[]) AS asked (card_id)
  JOIN issuers_blacklistentry e USING (card_id)
  LEFT JOIN issuers_listednumber n ON n.entry_id = e.id
"""


# Block and wipe. A phone that was told twice, as one set up again is, had applied it at the first.
_BLOCKS = """
SELECT o.entry_id, o.device_id, min(o.version), min(o.applied_at)
  FROM unnest(%s::bigint[]) AS asked (entry_id)
  JOIN issuers_otacommand o USING (entry_id)
 WHERE o.action IN (1, 5)
 GROUP BY o.entry_id, o.device_id
"""


def _claims(records: Sequence[Genuine]) -> set[tuple[int, int, int]]:
    return {
        (genuine.taken.reader.device_id, genuine.card.issuer_id, genuine.taken.claimed_version)
        for genuine in records
        if genuine.taken.claimed_version
    }


def _take_first_given(history: History, rows: _Rows) -> None:
    for reader_id, issuer_id, version, at in rows:
        history.first_given[reader_id, issuer_id, version] = ceil(at.timestamp())


_FIRST_GIVEN: Final = _Query(
    """
SELECT asked.device_id, asked.issuer_id, asked.version, first.at
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS asked (device_id, issuer_id, version)
  CROSS JOIN LATERAL (
      SELECT d.at FROM issuers_blacklistdownload d
       WHERE d.device_id = asked.device_id AND d.issuer_id = asked.issuer_id
         AND d.version = asked.version
       ORDER BY d.at LIMIT 1
  ) first
""",
    3,
    _claims,
    _take_first_given,
)


def _batches(records: Sequence[Genuine]) -> set[tuple[int]]:
    return {(genuine.taken.batch_id,) for genuine in records}


def _take_emptied(history: History, rows: _Rows) -> None:
    for batch_id, at in rows:
        history.emptied[batch_id] = int(at.timestamp())


_EMPTIED: Final = _Query(
    """
SELECT b.id, LEAST(before.created_at, before.received_at)
  FROM unnest(%s::bigint[]) AS asked (id)
  JOIN settlement_batch b USING (id)
  JOIN settlement_batch before
    ON before.device_id = b.device_id AND before.sequence = b.sequence - 1
   AND before.state <> 'REFUSED'
""",
    1,
    _batches,
    _take_emptied,
)


def _load_fetched(history: History, records: Iterable[Genuine]) -> None:
    asked = {
        (
            genuine.taken.reader.device_id,
            genuine.card.issuer_id,
            liability.counted_at(genuine, history).at,
        )
        for genuine in records
        if genuine.card.card_id in history.listings
    }
    for reader_id, issuer_id, at, version in _rows(_FETCHED, asked, width=3):
        history.fetched[reader_id, issuer_id, at] = version


_FETCHED = """
SELECT asked.device_id, asked.issuer_id, asked.at, newest.version
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS asked (device_id, issuer_id, at)
  CROSS JOIN LATERAL (
      SELECT version FROM issuers_blacklistdownload d
       WHERE d.device_id = asked.device_id AND d.issuer_id = asked.issuer_id
         AND d.at <= to_timestamp(asked.at)
       ORDER BY d.at DESC LIMIT 1
  ) newest
"""


def _merchants(records: Sequence[Genuine]) -> set[tuple[int]]:
    return {(genuine.taken.reader.merchant_id,) for genuine in records}


def _take_agreed(history: History, rows: _Rows) -> None:
    for merchant_id, since, *terms in rows:
        agreed = history.agreed.setdefault(merchant_id, [])
        agreed.append(Terms(since.timestamp(), *terms))


_AGREED: Final = _Query(
    """
SELECT a.merchant_id, a.effective_from, m.currency,
       a.online_fee_minor, a.offline_fee_minor, a.fee_bps
  FROM unnest(%s::bigint[]) AS asked (merchant_id)
  JOIN merchants_agreement a USING (merchant_id)
  JOIN merchants_merchant m ON m.id = a.merchant_id
""",
    1,
    _merchants,
    _take_agreed,
)


def _rows(statement: str, asked: set[Any], *, width: int) -> list[tuple[Any, ...]]:
    """Run ``statement`` with one array per column of what is asked, sorted."""
    with connection.cursor() as cursor:
        cursor.execute(statement, arrays.columns(sorted(asked), width=width))
        return list(cursor.fetchall())
