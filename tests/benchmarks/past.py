"""A past for the portal: payments posted long ago, so that tables and indexes have a real size.

Row for row what posting would have written, by one statement a table and slice, its events already
numbered. The triggers, which judge row by row, are off meanwhile: that the ledger adds up is for
the benchmark to check (``ledger.check``).
"""

from contextlib import nullcontext
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Max

from config import events
from settlement.models import Batch
from tests.benchmarks.loading import indexes_afterwards
from tests.benchmarks.people import START

_SLICE = 100_000  # payments in one posting
_IN_BATCH = 500
_AMOUNT = 1000
_TABLES = (
    "settlement_payment",
    "settlement_atcseen",
    "settlement_batchrecord",
    "settlement_transfer",
    "config_event",
)


def fill(*, tills, cards, payments, indexes_last=False):
    """Add ``payments`` posted sales to the books, taken in turn by ``tills`` from ``cards``.

    Every card then goes on counting above its last one. ``indexes_last`` builds indexes from all
    rows at once: fuller pages than grown ones have, and for millions the only way that is quick.
    Returns how many were added.
    """
    rounds = max(1, payments // len(cards))
    while events.take_turn(limit=_SLICE).more:
        pass
    with transaction.atomic(), connection.cursor() as cursor:
        _name(cursor, tills, cards)
    per_slice = max(1, _SLICE // len(cards))
    with indexes_afterwards(_TABLES) if indexes_last else nullcontext():
        for first in range(1, rounds + 1, per_slice):
            _slice(_told(first, min(rounds, first + per_slice - 1), len(tills), len(cards)))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE past_till, past_card")
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
    for card in cards:
        card.atc += rounds
    newest = dict(Batch.objects.values_list("device").annotate(Max("sequence")))
    for till in tills:
        till.sequence, till.digest = newest[till.device.pk], bytes(32)
    return rounds * len(cards)


def _slice(told):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL work_mem = '256MB'")
        for statement in _STATEMENTS:
            cursor.execute(statement, told)


def _name(cursor, tills, cards):
    cursor.execute(
        "CREATE TABLE past_till AS"
        " SELECT place - 1 AS place, d.id AS device_id, d.reference AS device,"
        " e.merchant_id, e.store_id, m.reference AS merchant, s.reference AS store"
        " FROM unnest(%s::bigint[]) WITH ORDINALITY AS t (device_id, place)"
        " JOIN config_device d ON d.id = t.device_id"
        " JOIN merchants_equipment e ON e.device_id = d.id"
        " JOIN merchants_merchant m ON m.id = e.merchant_id"
        " JOIN merchants_store s ON s.id = e.store_id",
        [[till.device.pk for till in tills]],
    )
    cursor.execute(
        "CREATE TABLE past_card AS SELECT place - 1 AS place, c.id AS credential_id, c.card_id,"
        " k.account_id, a.reference AS account, k.last4,"
        " (SELECT COALESCE(max(atc), 0) FROM settlement_atcseen s WHERE s.credential_id = c.id)"
        " AS atc"
        " FROM unnest(%s::bigint[]) WITH ORDINALITY AS t (credential_id, place)"
        " JOIN issuers_credential c ON c.id = t.credential_id"
        " JOIN issuers_card k ON k.id = c.card_id JOIN issuers_account a ON a.id = k.account_id",
        [[card.credential.pk for card in cards]],
    )
    cursor.execute(
        "INSERT INTO settlement_ledgeraccount (kind, owner, currency)"
        " SELECT 'CARDHOLDER', account, 'KRW' FROM past_card"
        " UNION SELECT 'MERCHANT', merchant, 'KRW' FROM past_till ON CONFLICT DO NOTHING"
    )


def _told(first, last, tills, cards):
    return {
        "first": first,
        "last": last,
        "tills": tills,
        "cards": cards,
        "count": (last - first + 1) * cards,
        "in_batch": _IN_BATCH,
        "amount": _AMOUNT,
        "at": START - timedelta(days=10),
    }


# One row per payment of the slice, in the order in which they were taken.
_SLICED = """
CREATE TEMPORARY TABLE past_sale ON COMMIT DROP AS
SELECT nextval(pg_get_serial_sequence('settlement_payment', 'id')) AS id, s.*,
       'PAY-' || upper(substr(md5(random()::text), 1, 14)) AS reference,
       (row_number() OVER (PARTITION BY device_id ORDER BY n, card_place) - 1) AS nth,
       %(at)s + n * interval '1 minute' AS tapped_at
  FROM (SELECT n, c.place AS card_place, c.credential_id, c.card_id, c.account, c.last4,
               c.atc + n AS atc, t.*
          FROM generate_series(%(first)s, %(last)s) AS n CROSS JOIN past_card c
          JOIN past_till t ON t.place = c.place %% %(tills)s
         ORDER BY n, c.place) s
"""
_BATCHES = """
CREATE TEMPORARY TABLE past_batch ON COMMIT DROP AS
SELECT nextval(pg_get_serial_sequence('settlement_batch', 'id')) AS id, device_id,
       min(merchant_id) AS merchant_id, nth / %(in_batch)s AS batch_nth, count(*) AS records
  FROM past_sale GROUP BY device_id, nth / %(in_batch)s ORDER BY batch_nth, device_id
"""
# Without their bytes, which nothing here asks for again: so with digests of zeros.
_BATCHES_IN = """
INSERT INTO settlement_batch (id, reference, device_id, merchant_id, sequence, digest,
                              previous_digest, content, state, refusal, record_count, totals,
                              blacklists, created_at, received_at, posted_at, attempts)
SELECT id, 'BAT-' || upper(substr(md5(random()::text), 1, 14)), device_id, merchant_id,
       batch_nth + 1 + (SELECT COALESCE(max(sequence), 0) FROM settlement_batch before
                         WHERE before.device_id = past_batch.device_id),
       decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), '', 'POSTED', '',
       records, '{}', '{}', %(at)s, %(at)s, %(at)s, 1
  FROM past_batch
"""
_PAYMENTS = """
INSERT INTO settlement_payment (id, reference, channel, state, amount_minor, currency, merchant_id,
                                store_id, device_id, card_id, credential_id, atc, approval_code,
                                "order", bearer, bearer_cause, fee_minor, business_date,
                                created_at, approved_at)
SELECT id, reference, 'OFFLINE', 'APPROVED', %(amount)s, 'KRW', merchant_id, store_id, device_id,
       card_id, credential_id, atc, 'O' || substr(reference, 5, 5), '', 'CARDHOLDER', '', 0,
       tapped_at::date, tapped_at, tapped_at
  FROM past_sale ORDER BY id
"""
_SEEN = """
INSERT INTO settlement_atcseen (credential_id, atc, payload_digest, payment_id)
SELECT credential_id, atc, sha256(reference::bytea), id FROM past_sale ORDER BY id
"""
_RECORDS = """
INSERT INTO settlement_batchrecord (batch_id, index, state, reason, kind, card_id, payment_id, atc,
                                    amount_minor, currency, approval_code, tapped_at)
SELECT b.id, nth %% %(in_batch)s, 'POSTED', '', 0, card_id, s.id, atc, %(amount)s, 'KRW',
       'O' || substr(reference, 5, 5), tapped_at
  FROM past_sale s JOIN past_batch b USING (device_id)
 WHERE b.batch_nth = nth / %(in_batch)s ORDER BY s.id
"""
_TRANSFERS = """
WITH posting AS (
    INSERT INTO settlement_posting (kind, posted_at, transfer_count, transfer_sum)
    VALUES ('offline_batches', %(at)s, %(count)s, %(count)s::bigint * %(amount)s) RETURNING id
)
INSERT INTO settlement_transfer (posting_id, code, debit_id, credit_id, amount_minor, currency,
                                 payment_id)
SELECT (SELECT id FROM posting), 'OFFLINE_SALE', payer.id, payee.id, %(amount)s, 'KRW', s.id
  FROM past_sale s
  JOIN settlement_ledgeraccount payer ON (payer.kind, payer.owner) = ('CARDHOLDER', s.account)
  JOIN settlement_ledgeraccount payee ON (payee.kind, payee.owner) = ('MERCHANT', s.merchant)
 ORDER BY s.id
"""
_EVENTS = """
INSERT INTO config_event (scope, seq, type, subject, at, body)
SELECT merchant,
       row_number() OVER (PARTITION BY merchant ORDER BY s.id)
           + COALESCE((SELECT seq FROM config_eventhead WHERE scope = merchant), 0),
       'payment.approved', reference, tapped_at, jsonb_build_object(
           'payment', jsonb_build_object(
               'id', reference, 'channel', 'OFFLINE', 'state', 'APPROVED', 'amount', %(amount)s,
               'currency', 'KRW', 'store', store, 'device', device, 'card', last4,
               'approval_code', 'O' || substr(reference, 5, 5),
               'created_at', tapped_at, 'approved_at', tapped_at))
  FROM past_sale s ORDER BY s.id
"""
_HEADS = """
INSERT INTO config_eventhead (scope, seq)
SELECT merchant, count(*) FROM past_sale GROUP BY merchant
    ON CONFLICT (scope) DO UPDATE SET seq = config_eventhead.seq + excluded.seq
"""
_BALANCES = """
UPDATE issuers_account SET balance_minor = balance_minor - s.minor
  FROM (SELECT account, count(*) * %(amount)s AS minor FROM past_sale GROUP BY account) s
 WHERE reference = s.account
"""
_STATEMENTS = (
    _SLICED,
    _BATCHES,
    _BATCHES_IN,
    _PAYMENTS,
    _SEEN,
    _RECORDS,
    _TRANSFERS,
    _EVENTS,
    _HEADS,
    _BALANCES,
)
