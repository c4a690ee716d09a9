"""Payments by T-ID: what tills showed beside what the ledger has (mission 4.05, 4.12, 3.07)."""

import sqlite3
from pathlib import Path
from typing import Any, Final

from settlement.simulation.checker.books import Books
from settlement.simulation.checker.findings import Findings
from settlement.simulation.checker.logs import Line, lines

TABLES: Final = """
CREATE TABLE sold (tid TEXT PRIMARY KEY, amount INT, till INT, by_relay INT);
CREATE TABLE shown (tid TEXT, screen TEXT, code TEXT, last INT);
CREATE TABLE bought (tid TEXT, step TEXT, code TEXT);
CREATE TABLE ledgered (tid TEXT PRIMARY KEY, reference TEXT, channel TEXT, amount INT, state TEXT,
                       code TEXT, said INT, sales INT, paid INT, reversed INT, refunded INT,
                       strange INT, refunds INT, given INT);
CREATE INDEX shown_tid ON shown (tid);
CREATE INDEX bought_tid ON bought (tid);
"""


def load(*, folder: Path, books: Books, scratch: sqlite3.Connection) -> list[str]:
    """Lay journals of tills and phones beside what the database says; return the tills' devices."""
    scratch.executescript(TABLES)
    devices: set[str] = set()
    for line in lines(folder / "tills.jsonl"):
        devices |= {line["device"]} if "device" in line else set()
        _load_till(line, scratch)
    for line in lines(folder / "phones.jsonl"):
        if line["op"] == "purchase":
            row = [line["tid"], line["result"], line["code"]]
            scratch.execute("INSERT INTO bought VALUES (?, ?, ?)", row)
    if devices:
        rows: Any = books.rows(_LEDGERED, sorted(devices))
        scratch.executemany(_KEEP, rows)
    scratch.commit()
    return sorted(devices)


def _load_till(line: Line, scratch: sqlite3.Connection) -> None:
    match line["op"]:
        case "sale":
            row = [line["tid"], line["amount_minor"], line["till"], line["by_relay"]]
            scratch.execute("INSERT INTO sold VALUES (?, ?, ?, ?)", row)
        case "screen" | "closed":
            row = [line["tid"], line["result"], line["approval_code"], line["op"] == "closed"]
            scratch.execute("INSERT INTO shown VALUES (?, ?, ?, ?)", row)


def check(scratch: sqlite3.Connection, findings: Findings) -> None:
    """No screen says what the ledger does not, no money moves twice, and every sale has ended."""
    findings.checked["sales"] = scratch.execute("SELECT count(*) FROM sold").fetchone()[0]
    for invariant, query in _QUERIES:
        for tid, what in scratch.execute(query):
            findings.add(invariant, tid, what)


_KEEP: Final = "INSERT INTO ledgered VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LEDGERED: Final = """
SELECT r.tid, p.reference, p.channel, p.amount_minor, p.state, COALESCE(p.approval_code, ''),
       p.refunded_minor, m.sales, m.paid, m.reversed, m.refunded, m.strange, g.refunds, g.given
  FROM settlement_paymentrequest r
  JOIN settlement_payment p ON p.id = r.payment_id
  JOIN config_device d ON d.id = p.device_id
 CROSS JOIN LATERAL (
    SELECT count(DISTINCT t.posting_id) FILTER (
               WHERE t.code IN ('ONLINE_SALE', 'DISCOUNT', 'POINTS', 'GIFT_CARD')) AS sales,
           COALESCE(sum(t.amount_minor) FILTER (
               WHERE t.code IN ('ONLINE_SALE', 'DISCOUNT', 'POINTS', 'GIFT_CARD')
                 AND credit.kind = 'MERCHANT'), 0)::bigint AS paid,
           COALESCE(sum(t.amount_minor) FILTER (
               WHERE t.code = 'REVERSAL' AND debit.kind = 'MERCHANT'), 0)::bigint AS reversed,
           COALESCE(sum(t.amount_minor) FILTER (
               WHERE t.code = 'REFUND' AND debit.kind = 'MERCHANT'), 0)::bigint AS refunded,
           count(*) FILTER (
               WHERE t.code NOT IN ('ONLINE_SALE', 'DISCOUNT', 'POINTS', 'GIFT_CARD',
                                    'GIFT_CARD_ISSUED', 'REVERSAL', 'REFUND')) AS strange
      FROM settlement_transfer t
      JOIN settlement_ledgeraccount credit ON credit.id = t.credit_id
      JOIN settlement_ledgeraccount debit ON debit.id = t.debit_id
     WHERE t.payment_id = p.id
  ) m
 CROSS JOIN LATERAL (
    SELECT count(*) AS refunds, COALESCE(sum(f.amount_minor), 0)::bigint AS given
      FROM settlement_refund f WHERE f.payment_id = p.id
  ) g
 WHERE d.reference = ANY(%s)
"""

# I2: money moves exactly once for an approval, and back for a reversal, otherwise never.
_MONEY: Final = """
SELECT tid, 'is ' || state || ', paid ' || paid || ' in ' || sales || ' sales, reversed '
            || reversed || ', under other codes ' || strange || ' times'
  FROM ledgered
 WHERE sales <> (state IN ('APPROVED', 'REVERSED')) OR paid <> sales * amount
    OR reversed <> (state = 'REVERSED') * amount OR strange <> 0
"""
# I2: what was given back is what its refunds say, of an approval alone, and never more than that.
_BACK: Final = """
SELECT tid, 'is ' || state || ' over ' || amount || ', says that ' || said || ' was given back, '
            || 'its refunds say ' || given || ', the ledger ' || refunded
  FROM ledgered
 WHERE said <> given OR refunded <> given OR given > (state = 'APPROVED') * amount
"""
_CHANNEL: Final = """
SELECT s.tid, 'was rung up ' || CASE WHEN s.by_relay THEN 'for' ELSE 'without' END
            || ' a relay, the ledger has ' || l.channel
  FROM sold s JOIN ledgered l ON l.tid = s.tid
 WHERE l.channel <> CASE WHEN s.by_relay THEN 'RELAY' ELSE 'TID' END
"""
_AMOUNT: Final = """
SELECT s.tid, 'was rung up for ' || s.amount || ', the ledger has ' || l.amount
  FROM sold s JOIN ledgered l ON l.tid = s.tid WHERE s.amount <> l.amount
"""
_TWICE: Final = """
SELECT tid, 'was paid by ' || count(*) || ' phones' FROM bought WHERE step = 'paid'
 GROUP BY tid HAVING count(*) > 1
"""
# 4.05: PAID stands on no screen, ever, unless the payment was approved under that very code.
_SHOWN_PAID: Final = """
SELECT s.tid, 'was shown as paid, the ledger has ' || COALESCE(l.state, 'none')
  FROM shown s LEFT JOIN ledgered l ON l.tid = s.tid
 WHERE s.screen = 'paid' AND (l.tid IS NULL OR l.state NOT IN ('APPROVED', 'REVERSED')
                              OR s.code <> l.code)
"""
_PHONE_PAID: Final = """
SELECT b.tid, 'was paid on the phone, the ledger has ' || COALESCE(l.state, 'none')
  FROM bought b LEFT JOIN ledgered l ON l.tid = b.tid
 WHERE b.step = 'paid' AND (l.tid IS NULL OR l.state NOT IN ('APPROVED', 'REVERSED')
                            OR b.code <> l.code)
"""
_LAST_SCREEN: Final = """
SELECT s.tid, 'shows ' || s.screen || ' at last, the ledger has ' || l.state
  FROM shown s JOIN ledgered l ON l.tid = s.tid
 WHERE s.last AND s.screen <> CASE l.state WHEN 'APPROVED' THEN 'paid' ELSE lower(l.state) END
"""
_OPEN: Final = """
SELECT s.tid, 'has not ended: the till shows ' || COALESCE(max(e.screen), 'nothing')
            || ', the ledger has ' || COALESCE(max(l.state), 'none')
  FROM sold s
  LEFT JOIN shown e ON e.tid = s.tid AND e.last
  LEFT JOIN ledgered l ON l.tid = s.tid
 GROUP BY s.tid
HAVING max(e.screen) IS NULL OR max(e.screen) IN ('requested', 'opened', 'checking')
    OR max(l.state) IN ('REQUESTED', 'CLAIMED', 'APPROVING')
"""
_QUERIES: Final = (
    ("I2", _MONEY),
    ("I2", _BACK),
    ("I2", _CHANNEL),
    ("I2", _AMOUNT),
    ("3.07", _TWICE),
    ("4.05", _SHOWN_PAID),
    ("4.05", _PHONE_PAID),
    ("ended", _OPEN),
    ("4.05", _LAST_SCREEN),
)
