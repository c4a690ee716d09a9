"""The double-entry ledger: post set-based, read balances, prove that it adds up."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Q, Sum

from config import arrays
from config.pipeline import Statement
from config.refusals import Refused
from settlement.models import LedgerAccount, Posting, Transfer
from settlement.services import copying


class CurrenciesDiffer(Refused):
    code = "currencies_differ"
    title = "A transfer stays in one currency"


class Key(NamedTuple):
    """What makes a ledger account: its kind, the owner's reference, the currency (ISO 4217)."""

    kind: str
    owner: str
    currency: str


class Draft(NamedTuple):
    """A transfer to be posted: ``amount_minor`` from the debit account to the credit account."""

    code: str
    debit: Key
    credit: Key
    amount_minor: int
    payment_id: int | None = None


@transaction.atomic
def post_many(*, kind: str, transfers: Sequence[Draft], at: datetime) -> Posting:
    """
    Post ``transfers`` together and return the posting: all of them enter the ledger, or none.

    Four statements, whatever their number. Accounts are made when first named. The database checks
    at commit that what went in is what the posting says.

    :raises CurrenciesDiffer: the two accounts of a transfer are of different currencies
    :raises IntegrityError: an amount below 1, or debit and credit are one account
    """
    for draft in transfers:
        if draft.debit.currency != draft.credit.currency:
            raise CurrenciesDiffer(f"{draft.debit} and {draft.credit}")
    ids = accounts_for({draft.debit for draft in transfers} | {draft.credit for draft in transfers})
    posting = Posting.objects.create(
        kind=kind,
        posted_at=at,
        transfer_count=len(transfers),
        transfer_sum=sum(draft.amount_minor for draft in transfers),
    )
    copying.insert(
        model=Transfer,
        fields=_TRANSFER_FIELDS,
        rows=(_row(posting.pk, draft, ids) for draft in transfers),
    )
    return posting


def posting(*, kind: str, draft: Draft, at: datetime) -> Statement:
    """
    Return the statement that posts one transfer between accounts that are there.

    It touches one row; none, and posts nothing, where an account is new: then :func:`post_many`.
    """
    debit, credit = draft.debit, draft.credit
    return Statement(
        _POST,
        [
            *(*debit, *credit, kind, at, draft.amount_minor),
            *(draft.code, draft.amount_minor, debit.currency, draft.payment_id),
        ],
    )


_POST = """
WITH legs AS (
    SELECT d.id AS debit_id, c.id AS credit_id
      FROM settlement_ledgeraccount d, settlement_ledgeraccount c
     WHERE (d.kind, d.owner, d.currency) = (%s, %s, %s)
       AND (c.kind, c.owner, c.currency) = (%s, %s, %s)
), posted AS (
    INSERT INTO settlement_posting (kind, posted_at, transfer_count, transfer_sum)
    SELECT %s, %s, 1, %s FROM legs RETURNING id
)
INSERT INTO settlement_transfer
       (posting_id, code, debit_id, credit_id, amount_minor, currency, payment_id)
SELECT posted.id, %s, legs.debit_id, legs.credit_id, %s, %s, %s FROM legs, posted
"""


_TRANSFER_FIELDS = (
    "posting_id",
    "code",
    "debit_id",
    "credit_id",
    "amount_minor",
    "currency",
    "payment_id",
)


def _row(posting_id: int, draft: Draft, ids: dict[Key, int]) -> tuple[object, ...]:
    return (
        posting_id,
        draft.code,
        ids[draft.debit],
        ids[draft.credit],
        draft.amount_minor,
        draft.debit.currency,
        draft.payment_id,
    )


def accounts_for(keys: Iterable[Key]) -> dict[Key, int]:
    """
    Return the id of each account named, making those that are new, in one statement.

    The statement makes new ones in the order of their keys, so that two postings never wait for
    each other in a circle. An account that another posting made meanwhile is found by asking once
    more.
    """
    wanted = set(keys)
    columns = [arrays.of_texts(column) for column in zip(*wanted, strict=True)]
    found: dict[Key, int] = {}
    while len(found) < len(wanted):
        with connection.cursor() as cursor:
            cursor.execute(_ACCOUNTS, columns)
            for account_id, kind, owner, currency in cursor.fetchall():
                found[Key(kind, owner, currency)] = account_id
    return found


_ACCOUNTS = """
WITH wanted AS (
    SELECT * FROM unnest(%s::varchar[], %s::varchar[], %s::varchar[]) AS w (kind, owner, currency)
), found AS (
    SELECT a.id, a.kind, a.owner, a.currency
      FROM wanted JOIN settlement_ledgeraccount a USING (kind, owner, currency)
), made AS (
    INSERT INTO settlement_ledgeraccount (kind, owner, currency)
    SELECT kind, owner, currency FROM wanted
    EXCEPT SELECT kind, owner, currency FROM found
    ORDER BY kind, owner, currency
    ON CONFLICT DO NOTHING
    RETURNING id, kind, owner, currency
)
SELECT * FROM found UNION ALL SELECT * FROM made
"""


def balance_of(account: LedgerAccount) -> int:
    """Return credits less debits in minor units: what the account's owner is owed by the system."""
    sums = Transfer.objects.filter(Q(debit=account) | Q(credit=account)).aggregate(
        credits=Sum("amount_minor", filter=Q(credit=account), default=0),
        debits=Sum("amount_minor", filter=Q(debit=account), default=0),
    )
    return int(sums["credits"] - sums["debits"])


def balance_at(key: Key) -> int:
    """Return the balance of the account ``key`` names in minor units, 0 where there is none yet."""
    account = LedgerAccount.objects.filter(
        kind=key.kind, owner=key.owner, currency=key.currency
    ).first()
    return 0 if account is None else balance_of(account)


def balances(*, kind: str) -> dict[Key, int]:
    """Return credits less debits of every account of ``kind``, in minor units."""
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES, [kind])
        return {
            Key(kind, owner, currency): int(minor) for owner, currency, minor in cursor.fetchall()
        }


_BALANCES = """
SELECT a.owner, a.currency,
       COALESCE((SELECT sum(amount_minor) FROM settlement_transfer WHERE credit_id = a.id), 0)
     - COALESCE((SELECT sum(amount_minor) FROM settlement_transfer WHERE debit_id = a.id), 0)
  FROM settlement_ledgeraccount a WHERE a.kind = %s
"""


def check() -> list[str]:
    """
    Return what is wrong with the ledger, one line each; an empty list means it holds.

    Debits equal credits per currency; each posting holds what it says; each card account's position
    as the issuer keeps it equals its ledger account, and so do its debts; none has less than
    nothing available, and what is held is set aside for documents, of a pre-approval as it stands;
    what is due to holders of closed
    ones is in an issuer's queue; a payment is where its issuer's own system has it, which is told
    of what went back to the card; a gift card that was ever used has on it what the ledger says.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CHECK)
        return [str(row[0]) for row in cursor.fetchall()]


_CHECK = """
WITH legs AS (
    SELECT debit_id AS account, currency, -amount_minor AS minor FROM settlement_transfer
    UNION ALL
    SELECT credit_id, currency, amount_minor FROM settlement_transfer
), sums AS (
    SELECT account, currency, sum(minor) AS minor FROM legs GROUP BY account, currency
)
SELECT format('%s does not add up: %s', a.currency, sum(s.minor))
  FROM sums s JOIN settlement_ledgeraccount a ON a.id = s.account
 GROUP BY a.currency HAVING sum(s.minor) <> 0
UNION ALL
SELECT format('account %s %s %s holds transfers of %s', a.kind, a.owner, a.currency, s.currency)
  FROM sums s JOIN settlement_ledgeraccount a ON a.id = s.account WHERE a.currency <> s.currency
UNION ALL
SELECT format('posting %s says %s transfers of %s', p.id, p.transfer_count, p.transfer_sum)
  FROM settlement_posting p LEFT JOIN settlement_transfer t ON t.posting_id = p.id
 GROUP BY p.id
HAVING count(t.id) <> p.transfer_count OR COALESCE(sum(t.amount_minor), 0) <> p.transfer_sum
UNION ALL
SELECT format('gift card %s: %s on it, ledger %s', h.reference, h.balance_minor, l.minor)
  FROM benefits_holding h
  JOIN (SELECT a.owner, sum(s.minor) AS minor
          FROM sums s JOIN settlement_ledgeraccount a ON a.id = s.account
         WHERE a.kind = 'GIFT_CARD' GROUP BY a.owner) l ON l.owner = h.reference
 WHERE l.minor <> h.balance_minor
UNION ALL
SELECT format('account %s: position %s, ledger %s', c.reference, c.balance_minor, l.minor)
  FROM issuers_account c
  LEFT JOIN (SELECT a.owner, sum(s.minor) AS minor
               FROM sums s JOIN settlement_ledgeraccount a ON a.id = s.account
              WHERE a.kind = 'CARDHOLDER' GROUP BY a.owner) l ON l.owner = c.reference
 WHERE c.balance_minor <> COALESCE(l.minor, 0)
UNION ALL
SELECT format('account %s: debts %s, ledger %s', COALESCE(d.owner, l.owner), d.minor, l.minor)
  FROM (SELECT c.reference AS owner, sum(d.amount_minor - d.collected_minor) AS minor
          FROM issuers_debt d JOIN issuers_account c ON c.id = d.account_id
         GROUP BY c.reference) d
  FULL JOIN (SELECT a.owner, -sum(s.minor) AS minor
               FROM sums s JOIN settlement_ledgeraccount a ON a.id = s.account
              WHERE a.kind = 'RECEIVABLE' GROUP BY a.owner) l ON l.owner = d.owner
 WHERE COALESCE(d.minor, 0) <> COALESCE(l.minor, 0)
UNION ALL
SELECT format('account %s: %s available', reference,
              limit_minor + balance_minor - held_minor - offline_reserve_minor)
  FROM issuers_account
 WHERE limit_minor + balance_minor - held_minor - offline_reserve_minor < 0
UNION ALL
SELECT format('account %s: %s held, %s set aside', a.reference, a.held_minor, COALESCE(h.minor, 0))
  FROM issuers_account a
  LEFT JOIN (SELECT account_id, sum(amount_minor) AS minor FROM issuers_hold
              WHERE state = 'HELD' GROUP BY account_id) h ON h.account_id = a.id
 WHERE a.held_minor <> COALESCE(h.minor, 0)
UNION ALL
SELECT format('pre-approval %s: %s of %s, %s of %s at its issuer', p.reference, p.state,
              p.amount_minor, COALESCE(h.state, 'none'), COALESCE(h.amount_minor, 0))
  FROM settlement_preapproval p LEFT JOIN issuers_hold h ON h.document = p.reference
 WHERE p.state <> 'DECLINED'
   AND (h.amount_minor IS DISTINCT FROM p.amount_minor
        OR h.state IS DISTINCT FROM CASE
           WHEN p.state IN ('APPROVED', 'IN_PROGRESS', 'SUSPENSE') THEN 'HELD'
           WHEN p.state = 'COMPLETED' THEN 'CAPTURED' ELSE 'RELEASED' END)
UNION ALL
SELECT format('payment %s: %s, at its issuer %s', r.document, p.state, r.state)
  FROM issuers_remoteauthorisation r LEFT JOIN settlement_payment p ON p.reference = r.document
 WHERE (p.state = 'APPROVING') IS DISTINCT FROM (r.state = 'ASKED')
    OR (p.state = 'APPROVED') IS DISTINCT FROM (r.state = 'APPROVED')
UNION ALL
SELECT format('payment %s: %s back to its card, its issuer told of %s',
              COALESCE(b.document, a.document), COALESCE(b.minor, 0), COALESCE(a.minor, 0))
  FROM (SELECT document, sum(amount_minor) AS minor
          FROM issuers_refundadvice GROUP BY document) a
  FULL JOIN (SELECT r.document, sum(t.amount_minor) AS minor
               FROM issuers_remoteauthorisation r
               JOIN settlement_payment p ON p.reference = r.document AND p.refunded_minor > 0
               JOIN settlement_transfer t ON t.payment_id = p.id
               JOIN settlement_posting g ON g.id = t.posting_id
               JOIN settlement_ledgeraccount c ON c.id = t.credit_id
              WHERE t.code = 'REFUND' AND c.kind = 'CARDHOLDER'
                AND g.posted_at >= (SELECT min(due_at) FROM issuers_refundadvice)
              GROUP BY r.document) b ON b.document = a.document
 WHERE a.minor IS DISTINCT FROM b.minor
UNION ALL
SELECT format('account %s: due to its holder %s, ledger %s', COALESCE(x.owner, l.owner), x.minor,
              l.minor)
  FROM (SELECT e.detail->>'account' AS owner, sum((e.detail->>'amount_minor')::bigint) AS minor
          FROM settlement_exceptionitem e
         WHERE e.kind = 'closed_account_money' AND e.resolved_at IS NULL
         GROUP BY e.detail->>'account') x
  FULL JOIN (SELECT a.owner, sum(s.minor) AS minor
               FROM sums s JOIN settlement_ledgeraccount a ON a.id = s.account
              WHERE a.kind = 'PAYABLE' GROUP BY a.owner) l ON l.owner = x.owner
 WHERE COALESCE(x.minor, 0) <> COALESCE(l.minor, 0)
"""


def digest() -> str:
    """Return the SHA-256 (hex) over every transfer in order: two equal ledgers, equal digests."""
    state = hashlib.sha256()
    for line in _lines():
        state.update(line.encode() + b"\n")
    return state.hexdigest()


def _lines() -> Iterator[str]:
    rows = Transfer.objects.order_by("id").select_related("debit", "credit")
    for row in rows.iterator(chunk_size=5000):
        yield f"{row.posting_id} {row.code} {row.amount_minor} {row.debit} {row.credit}"
