"""I4 and I5: every change told once to everybody who listens, and final states never left."""

import sqlite3
from typing import Final

from settlement.simulation.checker.books import Books
from settlement.simulation.checker.findings import Findings


def check_states(scratch: sqlite3.Connection, findings: Findings) -> None:
    """I5: what history says came last is what the row says, and nothing came after an end."""
    for reference, state, final in scratch.execute(_LEFT):
        findings.add("I5", reference, f"is {state}, though {final} came before")
    for reference, kind in scratch.execute(_AFTER_END):
        findings.add("I5", reference, f"{kind} came after it had ended")


_LEFT: Final = """
SELECT p.reference, p.state, e.kind FROM payment p JOIN event e ON e.subject = p.reference
 WHERE (e.kind = 'payment.reversed' AND p.state <> 'REVERSED')
UNION ALL
SELECT b.reference, b.state, e.kind FROM received b JOIN event e ON e.subject = b.reference
 WHERE (e.kind = 'batch.posted' AND b.state <> 'POSTED')
    OR (e.kind = 'batch.refused' AND b.state <> 'REFUSED')
UNION ALL
SELECT l.reference, l.state, e.kind FROM ledgered l JOIN event e ON e.subject = l.reference
 WHERE (e.kind = 'payment.approved' AND l.state NOT IN ('APPROVED', 'REVERSED'))
    OR (e.kind IN ('payment.declined', 'payment.cancelled', 'payment.expired', 'payment.reversed')
        AND l.state <> upper(substr(e.kind, 9)))
"""
_AFTER_END: Final = """
SELECT later.subject, later.kind FROM event ended JOIN event later ON later.subject = ended.subject
 WHERE later.number > ended.number AND later.kind <> ended.kind
   AND (ended.kind IN ('payment.reversed', 'payment.declined', 'payment.cancelled',
                       'payment.expired', 'batch.refused')
        OR ended.kind = 'payment.approved'
           AND later.kind NOT IN ('payment.reversed', 'refund.created'))
"""


def check_events(scratch: sqlite3.Connection, books: Books, findings: Findings) -> None:
    """I4: one event per change, numbered without a gap; each heard at least once, counted once."""
    findings.checked["events"] = scratch.execute("SELECT count(*) FROM event").fetchone()[0]
    for reference, kind, count in scratch.execute(_PER_CHANGE):
        findings.add("I4", reference, f"{kind} is told by {count} events")
    for (scope,) in scratch.execute(_SCOPES).fetchall():
        for seq, before in books.rows(_GAPS, scope):
            findings.add("I4", f"{scope} event {seq}", f"comes right after {before}")
        for head, newest in books.rows(_HEADS, scope):
            findings.add("I4", f"{scope} event {head}", f"was numbered, the newest is {newest}")
    for number, subject in scratch.execute("SELECT number, subject FROM event WHERE seq IS NULL"):
        findings.add("I4", f"event row {number}", f"of {subject} has no number")
    _heard(scratch, findings)


_PER_CHANGE: Final = """
WITH due AS (
    SELECT reference, 'payment.approved' AS kind, 1 AS events FROM payment
    UNION ALL
    SELECT reference, 'payment.reversed', state = 'REVERSED' FROM payment
    UNION ALL
    SELECT reference, 'batch.posted', state = 'POSTED' FROM received
    UNION ALL
    SELECT reference, 'batch.refused', state = 'REFUSED' FROM received
    UNION ALL
    SELECT reference, 'payment.requested', 1 FROM ledgered
    UNION ALL
    SELECT reference, 'payment.approved', state IN ('APPROVED', 'REVERSED') FROM ledgered
    UNION ALL
    SELECT reference, 'payment.' || lower(state), 1 FROM ledgered
     WHERE state IN ('DECLINED', 'CANCELLED', 'EXPIRED', 'REVERSED')
    UNION ALL
    SELECT reference, 'refund.created', refunds FROM ledgered
)
SELECT due.reference, due.kind, count(e.number)
  FROM due LEFT JOIN event e ON e.subject = due.reference AND e.kind = due.kind
 GROUP BY due.reference, due.kind HAVING count(e.number) <> max(due.events)
"""
_SCOPES: Final = "SELECT DISTINCT scope FROM event UNION SELECT scope FROM effect"
_GAPS: Final = """
SELECT seq, before FROM (
    SELECT seq, lag(seq) OVER (ORDER BY seq) AS before FROM config_event
     WHERE scope = %s AND seq IS NOT NULL) placed
 WHERE seq <> before + 1
"""
_HEADS: Final = """
SELECT h.seq, newest.seq FROM config_eventhead h, LATERAL (
    SELECT max(seq) AS seq FROM config_event e WHERE e.scope = h.scope) newest
 WHERE h.scope = %s AND h.seq <> newest.seq
"""


def _heard(scratch: sqlite3.Connection, findings: Findings) -> None:
    """Compare with what a client of the events endpoint wrote down, if the run kept one."""
    effect = scratch.execute("SELECT * FROM effect").fetchone()
    if effect is None:
        return
    scope, first, last, events, approved_minor = effect
    findings.checked["heard"] = scratch.execute("SELECT count(*) FROM heard").fetchone()[0]
    for seq, subject in scratch.execute(_UNHEARD, [scope, first, last]):
        findings.add("I4", f"{scope} event {seq}", f"of {subject} was never heard")
    for seq, subject in scratch.execute(_UNTOLD, [scope]):
        findings.add("I4", f"{scope} event {seq}", f"of {subject} was heard, and is not there")
    totals = scratch.execute(_TOTALS, [scope, first, last]).fetchone()
    if totals != (events, approved_minor):
        said = f"counted {events} events and {approved_minor} approved, there are {totals}"
        findings.add("I4", f"{scope} events {first} to {last}", said)


_UNHEARD: Final = """
SELECT e.seq, e.subject FROM event e
 WHERE e.scope = ? AND e.seq BETWEEN ? AND ? AND NOT EXISTS (
     SELECT 1 FROM heard h WHERE (h.seq, h.kind, h.subject) = (e.seq, e.kind, e.subject))
"""
_UNTOLD: Final = """
SELECT h.seq, h.subject FROM heard h WHERE NOT EXISTS (
    SELECT 1 FROM event e
     WHERE e.scope = ? AND (h.seq, h.kind, h.subject) = (e.seq, e.kind, e.subject))
"""
_TOTALS: Final = """
SELECT count(*), COALESCE(sum(amount) FILTER (WHERE kind = 'payment.approved'), 0) FROM event
 WHERE scope = ? AND seq BETWEEN ? AND ?
"""
