"""Benefits: what holdings, budgets, gift cards and sponsors say is what lines of redemptions do.

Judged in the database by itself, beside what tills were told of customers' numbers (mission 2.01,
2.08, 2.13, 2.15, 6.05).
"""

import sqlite3
from pathlib import Path
from typing import Any, Final

from settlement.simulation.checker.books import Books
from settlement.simulation.checker.findings import Findings
from settlement.simulation.checker.logs import lines

TABLES: Final = """
CREATE TABLE visited (checkout TEXT, screen TEXT, amount INT, remainder INT, lines INT);
CREATE TABLE checkout (reference TEXT PRIMARY KEY, state TEXT, amount INT, remainder INT);
"""


def load(*, folder: Path, books: Books, scratch: sqlite3.Connection) -> None:
    """Lay what tills were told of checkouts beside what the database says of them."""
    scratch.executescript(TABLES)
    for line in lines(folder / "tills.jsonl"):
        if line["op"] == "visit" and "checkout" in line:
            row = [line[name] for name in ("checkout", "result", "amount", "remainder", "lines")]
            scratch.execute("INSERT INTO visited VALUES (?, ?, ?, ?, ?)", row)
    names = [name for (name,) in scratch.execute("SELECT DISTINCT checkout FROM visited")]
    rows: Any = books.rows(_CHECKOUTS, names)
    scratch.executemany("INSERT INTO checkout VALUES (?, ?, ?, ?)", rows)
    scratch.commit()


def check(books: Books, scratch: sqlite3.Connection, findings: Findings) -> None:
    """No benefit is used twice or overdrawn, and what each takes is borne by who pays for it."""
    for (redemptions,) in books.rows("SELECT count(*) FROM benefits_redemption"):
        findings.checked["redemptions"] = redemptions
    told = scratch.execute("SELECT count(DISTINCT checkout) FROM visited").fetchone()
    findings.checked["checkouts"] = told[0]
    for invariant, query in _QUERIES:
        for where, what in books.rows(query):
            findings.add(invariant, where, what)
    for where, what in scratch.execute(_TOLD):
        findings.add("2.15", where, what)
    if findings.breaks("I1"):
        return
    for invariant, query in _LEDGER:
        for where, what in books.rows(query):
            findings.add(invariant, where, what)


_CHECKOUTS: Final = """
SELECT reference, state, amount_minor, remainder_minor FROM settlement_checkout
 WHERE reference = ANY(%s)
"""
_ADDS_UP: Final = """
SELECT format('redemption %s', r.document),
       format('%s of %s are left, its lines take %s', r.remainder_minor, r.purchase_minor,
              COALESCE(sum(l.amount_minor), 0))
  FROM benefits_redemption r LEFT JOIN benefits_lock l ON l.redemption_id = r.id
 GROUP BY r.id
HAVING r.purchase_minor - r.remainder_minor <> COALESCE(sum(l.amount_minor), 0)
"""
_HOLDINGS: Final = """
SELECT format('holding %s', h.reference),
       format('%s uses gone, %s held of %s, %s of %s held; its lines: %s gone, %s and %s held',
              h.used, h.uses_held, h.uses, h.held_minor, h.balance_minor,
              s.gone, s.uses_held, s.held)
  FROM benefits_holding h, LATERAL (
    SELECT count(*) FILTER (WHERE l.state = 'HELD' AND l.amount_minor > 0) AS uses_held,
           count(*) FILTER (WHERE l.state = 'COMMITTED' AND l.amount_minor > 0
                              AND NOT l.use_restored) AS gone,
           COALESCE(sum(l.amount_minor) FILTER (WHERE l.state = 'HELD'), 0) AS held
      FROM benefits_lock l WHERE l.holding_id = h.id) s
 WHERE (h.balance_minor IS NULL AND h.uses IS NOT NULL
        AND (h.used <> s.gone OR h.uses_held <> s.uses_held OR h.used + h.uses_held > h.uses))
    OR (h.balance_minor IS NOT NULL
        AND (h.held_minor <> s.held OR h.held_minor < 0 OR h.balance_minor < h.held_minor))
"""
_LOTS: Final = """
SELECT format('holding %s', h.reference),
       format('%s points free, its lots make %s', h.balance_minor - h.held_minor,
              COALESCE(sum(l.left_minor), 0))
  FROM benefits_holding h LEFT JOIN benefits_lot l ON l.holding_id = h.id
 WHERE h.kind = 'POINTS' GROUP BY h.id
HAVING h.balance_minor - h.held_minor <> COALESCE(sum(l.left_minor), 0)
"""
_BUDGETS: Final = """
SELECT format('definition %s', d.reference),
       format('%s of %s taken, its lines took %s', s.taken, d.budget_minor, t.taken)
  FROM benefits_definition d
  JOIN LATERAL (SELECT sum(taken_minor) AS taken FROM benefits_budgetslot
                 WHERE definition_id = d.id) s ON s.taken IS NOT NULL
  CROSS JOIN LATERAL (
    SELECT COALESCE(sum(l.amount_minor), 0) AS taken
      FROM benefits_lock l JOIN benefits_holding h ON h.id = l.holding_id
      JOIN benefits_redemption r ON r.id = l.redemption_id
     WHERE h.definition_id = d.id AND l.slot_id IS NOT NULL
       AND (r.state = 'HELD' OR r.state = 'COMMITTED' AND r.refunded_minor < r.purchase_minor)) t
 WHERE s.taken > d.budget_minor
    OR d.kind NOT IN ('POINTS', 'GIFT_CARD') AND s.taken <> t.taken
"""
# 6.05: a number is held exactly as long as what it was taken for is open.
_HELD: Final = """
SELECT format('plan %s', p.reference),
       format('is %s, taken for %s', p.state, COALESCE(o.document, 'nothing'))
  FROM benefits_plan p LEFT JOIN LATERAL (
    SELECT r.document FROM benefits_redemption r
     WHERE r.plan_id = p.id AND r.state = 'HELD'
       AND (EXISTS (SELECT FROM settlement_checkout c WHERE c.reference = r.document
                       AND c.state IN ('QUOTED', 'CONSENT_REQUIRED', 'APPROVING'))
            OR EXISTS (SELECT FROM settlement_payment y WHERE y.reference = r.document
                          AND y.state = 'APPROVING'))) o ON TRUE
 WHERE (p.state = 'LOCKED') <> (o.document IS NOT NULL)
"""
# Of what ended unpaid no line stands; of all else the lines and what they leave are the purchase.
_TOLD: Final = """
SELECT v.checkout, 'was told to be ' || v.screen || ', ' || v.remainder || ' of ' || v.amount
            || ' left, lines of ' || v.lines || ', the books have '
            || COALESCE(c.state || ', ' || c.remainder, 'none')
  FROM visited v LEFT JOIN checkout c ON c.reference = v.checkout
 WHERE c.reference IS NULL OR v.amount <> c.amount OR v.remainder <> c.remainder
    OR v.screen = 'PAID' AND c.state NOT IN ('PAID', 'REVERSED')
    OR v.screen IN ('DECLINED', 'ABANDONED', 'EXPIRED', 'REVERSED') AND c.state <> v.screen
    OR v.lines <> CASE WHEN v.screen IN ('DECLINED', 'ABANDONED', 'EXPIRED') THEN 0
                       ELSE v.amount - v.remainder END
"""
_SPONSORS: Final = """
SELECT format('redemption %s', r.document),
       format('its lines leave sponsors %s, the ledger %s', l.minor, t.minor)
  FROM benefits_redemption r
 CROSS JOIN LATERAL (
    SELECT COALESCE(sum(k.amount_minor - k.restored_minor), 0) AS minor FROM benefits_lock k
      JOIN benefits_holding h ON h.id = k.holding_id
     WHERE k.redemption_id = r.id AND k.state = 'COMMITTED' AND h.kind <> 'GIFT_CARD') l
 CROSS JOIN LATERAL (
    SELECT COALESCE(sum(CASE WHEN debit.kind = 'SPONSOR' THEN m.amount_minor
                             WHEN credit.kind = 'SPONSOR' THEN -m.amount_minor END), 0) AS minor
      FROM settlement_payment y JOIN settlement_transfer m ON m.payment_id = y.id
      JOIN settlement_ledgeraccount debit ON debit.id = m.debit_id
      JOIN settlement_ledgeraccount credit ON credit.id = m.credit_id
     WHERE y.reference = r.document) t
 WHERE l.minor <> t.minor
"""
_GIFT_CARDS: Final = """
SELECT format('holding %s', h.reference),
       format('%s on the card, %s in the ledger', h.balance_minor, l.minor)
  FROM benefits_holding h JOIN (
    SELECT a.owner, sum(CASE WHEN t.credit_id = a.id THEN t.amount_minor
                             ELSE -t.amount_minor END) AS minor
      FROM settlement_ledgeraccount a
      JOIN settlement_transfer t ON a.id IN (t.debit_id, t.credit_id)
     WHERE a.kind = 'GIFT_CARD' GROUP BY a.owner) l ON l.owner = h.reference
 WHERE l.minor <> h.balance_minor
"""
# I2: the shop has what a purchase by number came to, less what was given back; nothing of others.
_SHOPS: Final = """
SELECT y.reference, format('is %s over %s, the shop has %s of it', y.state, y.amount_minor, t.minor)
  FROM settlement_payment y, LATERAL (
    SELECT COALESCE(sum(CASE WHEN credit.kind = 'MERCHANT' THEN m.amount_minor
                             WHEN debit.kind = 'MERCHANT' THEN -m.amount_minor END), 0) AS minor
      FROM settlement_transfer m
      JOIN settlement_ledgeraccount debit ON debit.id = m.debit_id
      JOIN settlement_ledgeraccount credit ON credit.id = m.credit_id
     WHERE m.payment_id = y.id AND 'FEES' NOT IN (debit.kind, credit.kind)) t
 WHERE y.channel = 'SMART'
   AND t.minor <> (y.state = 'APPROVED')::int * (y.amount_minor - y.refunded_minor)
"""
_QUERIES: Final = (
    ("2.01", _ADDS_UP),
    ("2.08", _HOLDINGS),
    ("2.08", _LOTS),
    ("2.08", _BUDGETS),
    ("6.05", _HELD),
)
_LEDGER: Final = (("2.13", _SPONSORS), ("2.08", _GIFT_CARDS), ("I2", _SHOPS))
