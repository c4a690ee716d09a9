"""The database's side, over one read-only connection: copied to the scratch file or judged there.

Rows are read through named cursors, a few hundred at a time.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import batched
from typing import Any, Final

import psycopg

_AT_ONCE: Final = 500

TABLES: Final = """
CREATE TABLE payment (reference TEXT PRIMARY KEY, digest TEXT, serial TEXT, atc INT, amount INT,
                      state TEXT, paid INT, taken INT, merchant TEXT, given INT);
CREATE TABLE seen (digest TEXT, payment TEXT, state TEXT);
CREATE TABLE received (device TEXT, sequence INT, reference TEXT, state TEXT, at INT);
CREATE TABLE enrolled (device TEXT PRIMARY KEY, at INT);
CREATE TABLE dispute (device TEXT, sequence INT, place INT, listed INT);
CREATE TABLE listed (serial TEXT, issuer TEXT, added INT, removed INT);
CREATE TABLE event (number INTEGER PRIMARY KEY, seq INT, kind TEXT, subject TEXT, scope TEXT,
                    amount INT);
CREATE INDEX payment_digest ON payment (digest);
CREATE INDEX seen_digest ON seen (digest);
CREATE INDEX event_subject ON event (subject);
CREATE INDEX event_seq ON event (seq);
CREATE INDEX listed_serial ON listed (serial);
"""


class Books:
    """One moment of the database, read only."""

    def __init__(self, database: str) -> None:
        self._connection = psycopg.connect(database)
        self._connection.read_only = True
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._cursors = 0

    def rows(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield a query's rows without holding them all."""
        self._cursors += 1
        with self._connection.cursor(name=f"rows_{self._cursors}") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(query.encode(), values or None)
            yield from cursor

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


def load(
    *, books: Books, devices: Sequence[str], tills: Sequence[str], scratch: sqlite3.Connection
) -> None:
    """Copy what the database says of these readers' batches and payments, and of all events.

    ``devices``: the readers; of ``tills`` the events alone, the rest is the sales' own.
    """
    scratch.executescript(TABLES)
    mine = list(devices)
    for table, query in _COPIES.items():
        rows = books.rows(query, mine)
        first = next(rows, None)
        if first is None:
            continue
        put = f"INSERT INTO {table} VALUES ({', '.join('?' * len(first))})"  # noqa: S608
        scratch.execute(put, first)
        scratch.executemany(put, rows)
    for serials in batched(_serials(scratch), _AT_ONCE):
        scratch.executemany(
            "INSERT INTO listed VALUES (?, ?, ?, ?)", books.rows(_LISTED, list(serials))
        )
    scope, first_seq, last_seq = _heard(scratch)
    events = books.rows(_EVENTS, [*mine, *tills], mine, scope, first_seq, last_seq)
    scratch.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", events)
    scratch.commit()


def _serials(scratch: sqlite3.Connection) -> Iterator[str]:
    for (serial,) in scratch.execute("SELECT DISTINCT serial FROM approved"):
        yield serial


def _heard(scratch: sqlite3.Connection) -> tuple[str, int, int]:
    row = scratch.execute("SELECT scope, first, last FROM effect").fetchone()
    return row or ("", 0, 0)


_SERIAL: Final = "rtrim(translate(encode(c.serial, 'base64'), '+/', '-_'), '=')"

_COPIES: Final = {
    "payment": f"""
SELECT p.reference, encode(s.payload_digest, 'hex'), {_SERIAL}, p.atc, p.amount_minor, p.state,
       COALESCE(m.paid, 0)::bigint, COALESCE(m.taken, 0)::bigint, h.reference,
       COALESCE((SELECT sum(f.amount_minor) FROM settlement_refund f
                  WHERE f.payment_id = p.id), 0)::bigint
  FROM settlement_payment p
  JOIN config_device d ON d.id = p.device_id
  JOIN merchants_merchant h ON h.id = p.merchant_id
  LEFT JOIN issuers_credential c ON c.id = p.credential_id
  LEFT JOIN settlement_atcseen s ON s.atc = p.atc AND s.credential_id = (
    SELECT min(f.id) FROM issuers_credential f
     WHERE f.card_id = c.card_id AND f.device_id = c.device_id
       AND f.public_key = c.public_key)
  LEFT JOIN (
    SELECT t.payment_id,
           sum(t.amount_minor) FILTER (WHERE credit.kind = 'MERCHANT') AS paid,
           sum(t.amount_minor) FILTER (WHERE debit.kind = 'MERCHANT') AS taken
      FROM settlement_transfer t
      JOIN settlement_ledgeraccount credit ON credit.id = t.credit_id
      JOIN settlement_ledgeraccount debit ON debit.id = t.debit_id
     WHERE credit.kind <> 'FEES' AND debit.kind <> 'FEES' GROUP BY t.payment_id
  ) m ON m.payment_id = p.id
 WHERE d.reference = ANY(%s)
""",  # noqa: S608
    "seen": """
SELECT encode(s.payload_digest, 'hex'), p.reference, p.state
  FROM settlement_atcseen s
  JOIN settlement_payment p ON p.id = s.payment_id
  JOIN config_device d ON d.id = p.device_id
 WHERE d.reference = ANY(%s)
""",
    "received": """
SELECT d.reference, b.sequence, b.reference, b.state,
       extract(epoch FROM b.received_at)::bigint
  FROM settlement_batch b JOIN config_device d ON d.id = b.device_id
 WHERE d.reference = ANY(%s)
""",
    "enrolled": """
SELECT reference, extract(epoch FROM enrolled_at)::bigint FROM config_device
 WHERE reference = ANY(%s)
""",
    "dispute": """
SELECT d.reference, b.sequence, r.index,
       (EXISTS (SELECT FROM issuers_blacklistentry e WHERE e.card_id = q.card_id
                   AND q.card_listed_at IS NOT NULL))::int
  FROM settlement_dispute q
  JOIN settlement_batchrecord r ON r.id = q.record_id
  JOIN settlement_batch b ON b.id = r.batch_id
  JOIN config_device d ON d.id = b.device_id
 WHERE d.reference = ANY(%s)
""",
}

_LISTED: Final = f"""
SELECT {_SERIAL}, i.reference, l.added_in, l.removed_in
  FROM issuers_credential c
  JOIN issuers_listednumber l ON l.issuer_id = c.issuer_id AND l.list_number = c.list_number
  JOIN issuers_issuer i ON i.id = l.issuer_id
 WHERE {_SERIAL} = ANY(%s) AND l.added_in IS NOT NULL
"""  # noqa: S608

_EVENTS: Final = """
SELECT e.id, e.seq, e.type, e.subject, e.scope, (e.body #>> '{payment,amount}')::bigint
  FROM config_event e
 WHERE e.subject IN (
         SELECT p.reference FROM settlement_payment p
           JOIN config_device d ON d.id = p.device_id WHERE d.reference = ANY(%s)
         UNION ALL
         SELECT b.reference FROM settlement_batch b
           JOIN config_device d ON d.id = b.device_id WHERE d.reference = ANY(%s))
    OR (e.scope = %s AND e.seq BETWEEN %s AND %s)
"""
