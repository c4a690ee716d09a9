"""I1 and I8: the ledger adds up, and every account's position is what its documents say."""

from typing import Final

from settlement.simulation.checker.books import Books
from settlement.simulation.checker.findings import Findings


def check_ledger(books: Books, findings: Findings) -> None:
    """I1: each posting holds what it says, each transfer stays in one currency."""
    for (postings,) in books.rows("SELECT count(*) FROM settlement_posting"):
        findings.checked["postings"] = postings
    for where, what in books.rows(_POSTINGS):
        findings.add("I1", where, what)
    for where, what in books.rows(_CURRENCIES):
        findings.add("I1", where, what)


def check_positions(books: Books, findings: Findings) -> None:
    """I8: holds, reserve and money spent are those of the documents; not over a broken ledger."""
    for (accounts,) in books.rows("SELECT count(*) FROM issuers_account"):
        findings.checked["accounts"] = accounts
    for where, what in books.rows(_DOCUMENTS):
        findings.add("I8", where, what)
    if findings.breaks("I1"):
        return
    for where, what in books.rows(_BALANCES):
        findings.add("I8", where, what)
    for where, what in books.rows(_DEBTS):
        findings.add("I8", where, what)


_POSTINGS: Final = """
SELECT format('posting %s', p.id),
       format('says %s transfers of %s, holds %s of %s', p.transfer_count, p.transfer_sum,
              count(t.id), COALESCE(sum(t.amount_minor), 0))
  FROM settlement_posting p LEFT JOIN settlement_transfer t ON t.posting_id = p.id
 GROUP BY p.id
HAVING count(t.id) <> p.transfer_count OR COALESCE(sum(t.amount_minor), 0) <> p.transfer_sum
"""

_CURRENCIES: Final = """
SELECT format('transfer %s', t.id), 'moves money between currencies'
  FROM settlement_transfer t
  JOIN settlement_ledgeraccount debit ON debit.id = t.debit_id
  JOIN settlement_ledgeraccount credit ON credit.id = t.credit_id
 WHERE debit.currency <> t.currency OR credit.currency <> t.currency
"""

_BALANCES: Final = """
SELECT format('account %s', a.reference),
       format('has %s, its transfers come to %s', a.balance_minor, COALESCE(l.minor, 0))
  FROM issuers_account a LEFT JOIN (
    SELECT k.owner, sum(CASE WHEN t.credit_id = k.id THEN t.amount_minor
                             ELSE -t.amount_minor END) AS minor
      FROM settlement_ledgeraccount k
      JOIN settlement_transfer t ON k.id IN (t.debit_id, t.credit_id)
     WHERE k.kind = 'CARDHOLDER' GROUP BY k.owner
  ) l ON l.owner = a.reference
 WHERE a.balance_minor <> COALESCE(l.minor, 0)
"""

_DEBTS: Final = """
SELECT format('account %s', a.reference),
       format('owes %s, its receivable comes to %s, %s available', COALESCE(d.minor, 0),
              COALESCE(l.minor, 0), p.available)
  FROM issuers_account a
  CROSS JOIN LATERAL (SELECT a.limit_minor + a.balance_minor - a.held_minor
                             - a.offline_reserve_minor AS available) p
  LEFT JOIN (SELECT account_id, sum(amount_minor - collected_minor) AS minor
               FROM issuers_debt GROUP BY account_id) d ON d.account_id = a.id
  LEFT JOIN (
    SELECT k.owner, sum(CASE WHEN t.debit_id = k.id THEN t.amount_minor
                             ELSE -t.amount_minor END) AS minor
      FROM settlement_ledgeraccount k
      JOIN settlement_transfer t ON k.id IN (t.debit_id, t.credit_id)
     WHERE k.kind = 'RECEIVABLE' GROUP BY k.owner
  ) l ON l.owner = a.reference
 WHERE COALESCE(d.minor, 0) <> COALESCE(l.minor, 0) OR p.available < 0
"""

_DOCUMENTS: Final = """
SELECT format('account %s', a.reference),
       format('holds %s, their documents %s; reserves %s, its certificates %s', a.held_minor,
              COALESCE(h.minor, 0), a.offline_reserve_minor, COALESCE(r.minor, 0))
  FROM issuers_account a
  LEFT JOIN (SELECT account_id, sum(amount_minor) AS minor FROM issuers_hold
              WHERE state = 'HELD' GROUP BY account_id) h ON h.account_id = a.id
  LEFT JOIN (SELECT k.account_id, sum(c.reserve_minor) AS minor
               FROM issuers_credential c JOIN issuers_card k ON k.id = c.card_id
              GROUP BY k.account_id) r ON r.account_id = a.id
 WHERE a.held_minor <> COALESCE(h.minor, 0)
    OR a.offline_reserve_minor <> COALESCE(r.minor, 0)
"""
