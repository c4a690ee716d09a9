"""What was posted, listed and fetched before: loaded under the batches' locks, nine queries."""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any

from django.db import connection

from config import arrays
from settlement.rules import liability
from settlement.rules.facts import (
    Bearer,
    Block,
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
    _load_seen(history, records)
    _load_newest(history, records)
    _load_sales(history, records)
    _load_listings(history, records)
    _load_first_given(history, records)
    _load_emptied(history, records)
    _load_fetched(history, records)
    _load_agreed(history, records)
    return history


def load_counters(records: Sequence[Genuine]) -> History:
    """Return what was posted under the counters of ``records``, as it stands now; three queries."""
    history = History()
    _load_seen(history, records)
    _load_newest(history, records)
    _load_agreed(history, records)
    return history


def _load_seen(history: History, records: Iterable[Genuine]) -> None:
    asked = {genuine.used_atc for genuine in records}
    for first_id, atc, digest, payment_id in _rows(_SEEN, asked, width=2):
        history.seen[first_id, atc] = Seen(bytes(digest), payment_id)


_SEEN = """
SELECT a.credential_id, a.atc, a.payload_digest, a.payment_id
  FROM unnest(%s::bigint[], %s::bigint[]) AS asked (credential_id, atc)
  JOIN settlement_atcseen a USING (credential_id, atc)
"""


def _load_newest(history: History, records: Iterable[Genuine]) -> None:
    asked = {genuine.counter for genuine in records}
    for card_id, phone_id, atc, *sale in _rows(_NEWEST, asked, width=2):
        counter, (sale_atc, sold_at) = (card_id, phone_id), sale
        history.newest[counter] = max(atc, history.newest.get(counter, 0))
        latest = history.latest.get(counter)
        if sale_atc is not None and (latest is None or sale_atc > latest.atc):
            history.latest[counter] = Tap(sale_atc, int(sold_at.timestamp()))


# A renewed certificate goes on counting where the one before stopped (protocol §5).
_NEWEST = """
SELECT c.card_id, c.device_id, newest.atc, latest.atc, latest.created_at
  FROM unnest(%s::bigint[], %s::bigint[]) AS asked (card_id, device_id)
  JOIN issuers_credential c USING (card_id, device_id)
  CROSS JOIN LATERAL (
      SELECT atc FROM settlement_atcseen a
       WHERE a.credential_id = c.id ORDER BY atc DESC LIMIT 1
  ) newest
  LEFT JOIN LATERAL (
      SELECT atc, created_at FROM settlement_payment p
       WHERE p.credential_id = c.id AND p.channel = 'OFFLINE' ORDER BY atc DESC LIMIT 1
  ) latest ON true
"""


def _load_sales(history: History, records: Iterable[Genuine]) -> None:
    asked = {
        (*genuine.counter, genuine.record.voided_atc)
        for genuine in records
        if genuine.record.kind is RecordKind.VOID
    }
    for row in _rows(_SALES, asked, width=3):
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


_SALES = """
SELECT c.card_id, c.device_id, p.atc, p.id, p.reference, p.device_id,
       p.amount_minor, p.currency, p.business_date, p.bearer, p.bearer_cause,
       p.state = 'APPROVED' AND p.refunded_minor = 0
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS asked (card_id, device_id, atc)
  JOIN issuers_credential c USING (card_id, device_id)
  JOIN settlement_payment p
    ON p.credential_id = c.id AND p.atc = asked.atc AND p.channel = 'OFFLINE'
 ORDER BY p.id
   FOR NO KEY UPDATE OF p
"""


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
    rows = _rows(_BLOCKS, {(entry_id,) for entry_id in entries}, width=1)
    for entry_id, phone_id, version, applied_at in rows:
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


def _load_first_given(history: History, records: Iterable[Genuine]) -> None:
    asked = {
        (genuine.taken.reader.device_id, genuine.card.issuer_id, genuine.taken.claimed_version)
        for genuine in records
        if genuine.taken.claimed_version
    }
    for reader_id, issuer_id, version, at in _rows(_FIRST_GIVEN, asked, width=3):
        history.first_given[reader_id, issuer_id, version] = ceil(at.timestamp())


_FIRST_GIVEN = """
SELECT asked.device_id, asked.issuer_id, asked.version, first.at
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS asked (device_id, issuer_id, version)
  CROSS JOIN LATERAL (
      SELECT d.at FROM issuers_blacklistdownload d
       WHERE d.device_id = asked.device_id AND d.issuer_id = asked.issuer_id
         AND d.version = asked.version
       ORDER BY d.at LIMIT 1
  ) first
"""


def _load_emptied(history: History, records: Iterable[Genuine]) -> None:
    asked = {(genuine.taken.batch_id,) for genuine in records}
    for batch_id, at in _rows(_EMPTIED, asked, width=1):
        history.emptied[batch_id] = int(at.timestamp())


_EMPTIED = """
SELECT b.id, LEAST(before.created_at, before.received_at)
  FROM unnest(%s::bigint[]) AS asked (id)
  JOIN settlement_batch b USING (id)
  JOIN settlement_batch before
    ON before.device_id = b.device_id AND before.sequence = b.sequence - 1
   AND before.state <> 'REFUSED'
"""


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


def _load_agreed(history: History, records: Iterable[Genuine]) -> None:
    asked = {(genuine.taken.reader.merchant_id,) for genuine in records}
    for merchant_id, since, *terms in _rows(_AGREED, asked, width=1):
        agreed = history.agreed.setdefault(merchant_id, [])
        agreed.append(Terms(since.timestamp(), *terms))


_AGREED = """
SELECT a.merchant_id, a.effective_from, m.currency,
       a.online_fee_minor, a.offline_fee_minor, a.fee_bps
  FROM unnest(%s::bigint[]) AS asked (merchant_id)
  JOIN merchants_agreement a USING (merchant_id)
  JOIN merchants_merchant m ON m.id = a.merchant_id
"""


def _rows(statement: str, asked: set[Any], *, width: int) -> list[tuple[Any, ...]]:
    """Run ``statement`` with one array per column of what is asked, sorted."""
    with connection.cursor() as cursor:
        cursor.execute(statement, arrays.columns(sorted(asked), width=width))
        return list(cursor.fetchall())
