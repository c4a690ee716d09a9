"""Pre-approvals: one machine pays one number out, once, and what it did not pay is free (§5).

Machines keep a journal of their own, ``machines.jsonl``: a line ``{"op": "dispensed", "redemption",
"dispensed_minor", "item_serial"}`` for what left one, whatever the portal heard of it.
"""

from pathlib import Path
from typing import Final

from settlement.simulation.checker.books import Books
from settlement.simulation.checker.findings import Findings
from settlement.simulation.checker.logs import lines


def check(folder: Path, books: Books, findings: Findings) -> None:
    """Judge all pre-approvals: I2 and 5.09 their payments, I5 their histories, I8 their holds."""
    for (count,) in books.rows("SELECT count(*) FROM settlement_preapproval"):
        findings.checked["preapprovals"] = count
    for invariant, query in _QUERIES:
        for where, what in books.rows(query):
            findings.add(invariant, where, what)
    _check_machines(folder, books, findings)


def _check_machines(folder: Path, books: Books, findings: Findings) -> None:
    """I2: what left a machine is in the books, and nothing that did not; the desk may know better
    than a machine that lost its power."""
    journal = folder / "machines.jsonl"
    if not journal.exists():
        return
    left = {
        line["redemption"]: (line["dispensed_minor"], line["item_serial"])
        for line in lines(journal)
        if line["op"] == "dispensed"
    }
    findings.checked["dispensed"] = len(left)
    findings.checked["tickets"] = sum(bool(serial) for _minor, serial in left.values())
    for reference, minor, serial in books.rows(_PAID, list(left)):
        if (minor, serial) != left[reference]:
            out_minor, out_serial = left[reference]
            said = f"{out_minor} {out_serial} left the machine, {minor} {serial} is in the books"
            findings.add("I2", reference, said)


# Of what the desk decided by a count: it may know better than a machine that lost its power.
_PAID: Final = """
SELECT r.reference, r.dispensed_minor, r.item_serial FROM settlement_redemption r
 WHERE r.reference = ANY(%s) AND r.state IN ('COMPLETED', 'REVERSED') AND r.resolved_by = ''
"""
_TWICE: Final = """
SELECT format('pre-approval %s', p.reference), format('was taken by %s machines', count(*))
  FROM settlement_preapproval p JOIN settlement_redemption r ON r.preapproval_id = p.id
 WHERE r.state <> 'REVERSED' GROUP BY p.id HAVING count(*) > 1
"""
_MONEY: Final = """
SELECT format('redemption %s', r.reference),
       format('is %s over %s, its payment %s over %s, posted %s in %s sales', r.state,
              r.dispensed_minor, COALESCE(y.state, 'none'), y.amount_minor, t.minor, t.sales)
  FROM settlement_redemption r
  LEFT JOIN settlement_payment y ON y.id = r.payment_id
  LEFT JOIN LATERAL (SELECT count(*) AS sales, COALESCE(sum(amount_minor), 0) AS minor
                       FROM settlement_transfer
                      WHERE payment_id = y.id AND code = 'ONLINE_SALE') t ON true
 WHERE (r.state = 'COMPLETED') IS DISTINCT FROM (y.id IS NOT NULL)
    OR y.id IS NOT NULL AND (y.channel <> 'PREAPPROVAL' OR y.amount_minor <> r.dispensed_minor
                             OR t.sales <> 1 OR t.minor <> r.dispensed_minor
                             OR y.state NOT IN ('APPROVED', 'REVERSED'))
"""
_INVENTED: Final = """
SELECT format('payment %s', y.reference), 'no machine was asked for it by a number'
  FROM settlement_payment y LEFT JOIN settlement_redemption r ON r.payment_id = y.id
 WHERE y.channel = 'PREAPPROVAL' AND r.id IS NULL
"""
_HISTORY: Final = """
SELECT format('pre-approval %s', p.reference),
       format('is %s, %s came last', p.state, COALESCE(e.type, 'nothing'))
  FROM settlement_preapproval p
  LEFT JOIN LATERAL (SELECT type FROM config_event e
                      WHERE e.subject = p.reference AND e.type <> 'preapproval.tried'
                      ORDER BY e.id DESC LIMIT 1) e ON true
 WHERE p.state IS DISTINCT FROM CASE e.type
       WHEN 'preapproval.given_back' THEN 'APPROVED'
       WHEN 'preapproval.suspended' THEN 'SUSPENSE'
       ELSE upper(substr(e.type, 13)) END
"""
_AFTER_END: Final = """
SELECT format('pre-approval %s', later.subject), later.type || ' came after it had ended'
  FROM config_event ended JOIN config_event later ON later.subject = ended.subject
 WHERE later.id > ended.id
   AND ended.type IN ('preapproval.completed', 'preapproval.reversed', 'preapproval.cancelled',
                      'preapproval.expired', 'preapproval.declined')
"""
_HOLDS: Final = """
SELECT format('pre-approval %s', p.reference),
       format('is %s over %s, the hold %s over %s', p.state, p.amount_minor,
              COALESCE(h.state, 'none'), h.amount_minor)
  FROM settlement_preapproval p LEFT JOIN issuers_hold h ON h.document = p.reference
 WHERE CASE WHEN p.state = 'DECLINED' THEN h.id IS NOT NULL
       ELSE h.amount_minor IS DISTINCT FROM p.amount_minor
            OR h.state IS DISTINCT FROM CASE
               WHEN p.state IN ('APPROVED', 'IN_PROGRESS', 'SUSPENSE') THEN 'HELD'
               WHEN p.state = 'COMPLETED' THEN 'CAPTURED' ELSE 'RELEASED' END
       END
"""
_ITEMS: Final = """
SELECT format('item %s', i.serial),
       format('is %s, its redemption %s with %s', i.state, r.state, r.item_serial)
  FROM settlement_stockitem i JOIN settlement_redemption r ON r.id = i.redemption_id
 WHERE (i.state = 'SOLD') <> (r.state = 'COMPLETED')
    OR i.state = 'SOLD' AND i.serial <> r.item_serial
"""
_QUERIES: Final = (
    ("5.09", _TWICE),
    ("I2", _MONEY),
    ("I2", _INVENTED),
    ("I5", _AFTER_END),
    ("I5", _HISTORY),
    ("I8", _HOLDS),
    ("I2", _ITEMS),
)
