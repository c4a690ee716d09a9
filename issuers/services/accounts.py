"""The position of card accounts: what must post, and what is set aside."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from config import arrays
from config.pipeline import Statement
from config.refusals import Refused
from issuers.models import Account, Hold


class InsufficientFunds(Refused):
    code = "insufficient_funds"
    title = "The account holds too little"


class AccountClosed(Refused):
    code = "account_closed"
    status = 409
    title = "The account is closed"


class ExceedsHold(Refused):
    code = "exceeds_hold"
    title = "More than was set aside"


class OfflineChange(NamedTuple):
    """What one accepted offline record does to an account. Amounts are minor units.

    A sale: ``balance_minor`` -amount, ``used_minor`` amount. A void: +amount and 0, for it gives no
    offline use back. A sale the issuer pays for itself: 0 and amount.
    """

    account_id: int
    credential_id: int
    balance_minor: int
    used_minor: int


def lock(*, account_ids: Sequence[int]) -> dict[int, Account]:
    """Lock accounts in the order of their ids (the house's lock order) and return them by id."""
    rows = Account.objects.select_for_update(no_key=True).filter(pk__in=set(account_ids))
    return {row.pk: row for row in rows.order_by("pk")}


class Held(NamedTuple):
    """A card's account, locked until the transaction ends; references of it and its issuer."""

    account_id: int
    account: str
    issuer: str
    is_open: bool


def lock_of_card(*, card_id: int) -> Held:
    """Lock the account of a card."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_OF_CARD, [card_id])
        row = cursor.fetchone()
    assert row is not None, "a card has its account"
    return Held(*row)


_LOCK_OF_CARD = """
SELECT a.id, a.reference, i.reference, a.state = 'OPEN'
  FROM issuers_account a
  JOIN issuers_card c ON c.account_id = a.id
  JOIN issuers_issuer i ON i.id = c.issuer_id
 WHERE c.id = %s FOR NO KEY UPDATE OF a
"""


def crediting(held: Held, *, amount_minor: int) -> Statement:
    """Return the statement that gives minor units back to a locked account."""
    assert held.is_open, "a closed account stays empty"
    credit = "UPDATE issuers_account SET balance_minor = balance_minor + %s WHERE id = %s"
    return Statement(credit, [amount_minor, held.account_id])


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What an account came to owe or be owed, or paid back: minor units of its currency."""

    account: str
    currency: str
    amount_minor: int


class Moved(NamedTuple):
    """What a posting leaves for the books to set apart; each account at most once in each list.

    ``owed``: what accounts came to owe. ``left``: what came to accounts that were closed.
    """

    owed: list[Owed]
    left: list[Owed]


class Posted(NamedTuple):
    """A posted offline record as the phone counted it: a void has no use and no amount."""

    credential_id: int
    atc: int
    uses: int
    amount_minor: int


@transaction.atomic
def post_offline(
    *, changes: Sequence[OfflineChange], records: Sequence[Posted] = (), at: datetime
) -> Moved:
    """Post what was paid offline, whatever the accounts hold; return what that leaves to set apart.

    Each use first draws on what is left of its credential's reserve, or of the one that renewed
    it, so what is available stays the same; the rest comes out of what is available. What would
    take that below zero becomes a debt, and the balance is as much higher: available is never
    negative. What a void brings to an account that was closed since, beyond what it owes, does not
    stay there, where nobody could spend it: it is due to the holder. Four statements, however many
    the changes. The caller posts the debts, and what is due.

    ``records``: what the phones counted of it, noted for their next reset with the credential now
    active under the same key, for a renewal goes on counting. A record that a reset has reached
    over was either taken off with it, or stays on the phone: what was reserved for its coming is
    drawn on now, and no longer waited for.
    """
    if not changes:
        return Moved([], [])
    used: dict[int, int] = defaultdict(int)
    balance: dict[int, int] = defaultdict(int)
    spender = {change.account_id: change.credential_id for change in changes}
    for change in changes:
        used[change.credential_id] += change.used_minor
        balance[change.account_id] += change.balance_minor
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [arrays.of(balance)])
    covered = _covered(used)
    assert all(account in balance for account, _part in covered.values())
    _draw(covered, records, at)
    return _move(balance, covered, spender, at)


def _covered(used: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Return by credential drawn on its account and what its reserve covers."""
    accounts: dict[int, tuple[int, int]] = {}
    drawn: dict[int, int] = defaultdict(int)
    with connection.cursor() as cursor:
        cursor.execute(_RESERVES, [arrays.of(used)])
        held = cursor.fetchall()
    for pk, bears, account, left_minor in held:
        if used[pk]:
            accounts[bears] = (account, left_minor)
            drawn[bears] += used[pk]
    return {
        pk: (account, min(drawn[pk], left_minor)) for pk, (account, left_minor) in accounts.items()
    }


_LOCK = """
SELECT id FROM issuers_account WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
_RESERVES = """
SELECT c.id, COALESCE(c.renewed_by_id, c.id), card.account_id,
       COALESCE(newer.reserve_minor, c.reserve_minor)
  FROM issuers_credential c JOIN issuers_card card ON card.id = c.card_id
  LEFT JOIN issuers_credential newer ON newer.id = c.renewed_by_id
 WHERE c.id = ANY(%s::bigint[])
"""


def _draw(covered: Mapping[int, tuple[int, int]], records: Sequence[Posted], at: datetime) -> None:
    """Draw on the reserves and note the records: both stand in one row, which is written once."""
    drawn = [arrays.of(covered), arrays.of(part for _account, part in covered.values())]
    counted = arrays.columns(records, width=4)
    # A credential's reserve only moves under its account's lock: no lock of its own is needed.
    with connection.cursor() as cursor:
        cursor.execute(_DRAW, [*drawn, *counted, at])


_DRAW = """
WITH drawn AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS d (id, covered)
), counted AS (
    SELECT new.id,
           COALESCE(max(p.atc) FILTER (WHERE p.atc > new.reset_atc), 0) AS atc,
           count(*) FILTER (WHERE p.atc > new.reset_atc) AS records,
           COALESCE(sum(p.uses) FILTER (WHERE p.atc > new.reset_atc), 0) AS uses,
           COALESCE(sum(p.minor) FILTER (WHERE p.atc > new.reset_atc), 0) AS minor,
           COALESCE(sum(p.minor) FILTER (WHERE p.atc <= new.reset_atc), 0) AS late_minor
      FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::bigint[])
           AS p (credential_id, atc, uses, minor)
      JOIN issuers_credential own ON own.id = p.credential_id
      JOIN issuers_credential new
        ON new.card_id = own.card_id AND new.device_id = own.device_id
       AND new.public_key = own.public_key AND new.state = 'ACTIVE'
     GROUP BY new.id
)
UPDATE issuers_credential c
   SET reserve_minor = c.reserve_minor - COALESCE(m.covered, 0),
       posted_atc = GREATEST(c.posted_atc, m.atc),
       posted_records = c.posted_records + COALESCE(m.records, 0),
       posted_uses = c.posted_uses + COALESCE(m.uses, 0),
       posted_minor = c.posted_minor + COALESCE(m.minor, 0),
       posted_since = CASE WHEN m.records > 0 THEN COALESCE(c.posted_since, %s)
                           ELSE c.posted_since END,
       unsent_minor = GREATEST(0, c.unsent_minor - COALESCE(m.late_minor, 0))
  FROM (SELECT * FROM drawn FULL JOIN counted USING (id)) m
 WHERE c.id = m.id
"""


def _move(
    balance: Mapping[int, int],
    covered: Mapping[int, tuple[int, int]],
    spender: Mapping[int, int],
    at: datetime,
) -> Moved:
    """Move the positions; what is missing opens a debt of the spender's card, or adds to one."""
    reserve: dict[int, int] = defaultdict(int)
    for account, part in covered.values():
        reserve[account] += part
    columns = [
        arrays.of(balance),
        arrays.of(balance.values()),
        arrays.of(reserve[account] for account in balance),
        arrays.of(spender[account] for account in balance),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [*columns, at])
        moved = Moved([], [])
        for reference, currency, missing_minor, left_minor in cursor.fetchall():
            for told, minor in ((moved.owed, missing_minor), (moved.left, left_minor)):
                if minor:
                    told.append(Owed(account=reference, currency=currency, amount_minor=minor))
    return moved


_MOVE = """
WITH change AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
               AS d (id, balance, covered, credential_id)
), moved AS (
    SELECT a.id, a.reference, a.currency, d.credential_id,
           a.balance_minor + d.balance AS balance,
           a.offline_reserve_minor - d.covered AS reserve,
           GREATEST(0, a.held_minor + a.offline_reserve_minor - d.covered
                       - a.limit_minor - a.balance_minor - d.balance) AS missing,
           CASE WHEN a.state = 'CLOSED'
                THEN GREATEST(0, a.balance_minor + d.balance
                                 - COALESCE(o.amount_minor - o.collected_minor, 0))
                ELSE 0 END AS left_minor
      FROM change d JOIN issuers_account a USING (id)
      LEFT JOIN issuers_debt o ON o.account_id = a.id AND o.closed_at IS NULL
), posted AS (
    UPDATE issuers_account a
       SET balance_minor = m.balance + m.missing - m.left_minor, offline_reserve_minor = m.reserve
      FROM moved m WHERE a.id = m.id
), owed AS (
    INSERT INTO issuers_debt AS debt
           (account_id, card_id, amount_minor, collected_minor, opened_at)
    SELECT m.id, c.card_id, m.missing, 0, %s
      FROM moved m JOIN issuers_credential c ON c.id = m.credential_id
     WHERE m.missing > 0 ORDER BY m.id
    ON CONFLICT (account_id) WHERE closed_at IS NULL DO UPDATE
       SET amount_minor = debt.amount_minor + excluded.amount_minor, card_seen_to_at = NULL
)
SELECT reference, currency, missing, left_minor FROM moved
 WHERE missing > 0 OR left_minor > 0 ORDER BY id
"""


@transaction.atomic
def hold(*, account: Account, document: str, amount_minor: int, at: datetime) -> Hold:
    """Set ``amount_minor`` of the account aside for ``document`` (its reference).

    :raises AccountClosed: the account is closed
    :raises InsufficientFunds: less is available
    """
    locked = lock(account_ids=[account.pk])[account.pk]
    if locked.state == Account.State.CLOSED:
        raise AccountClosed
    if locked.available_minor < amount_minor:
        raise InsufficientFunds
    locked.held_minor += amount_minor
    locked.save(update_fields=["held_minor"])
    return Hold.objects.create(
        account=locked, document=document, amount_minor=amount_minor, held_at=at
    )


@transaction.atomic
def release(*, document: str, at: datetime) -> Hold:
    """Give back what was set aside for ``document``.

    :raises InvalidTransition: it was captured or released before
    """
    return _end(document=document, state=Hold.State.RELEASED, taken_minor=0, at=at)


@transaction.atomic
def capture(*, document: str, amount_minor: int, at: datetime) -> Hold:
    """Take ``amount_minor`` of what was set aside for ``document``; the rest is given back.

    :raises ExceedsHold: more than was set aside
    :raises InvalidTransition: it was captured or released before
    """
    return _end(document=document, state=Hold.State.CAPTURED, taken_minor=amount_minor, at=at)


def _end(*, document: str, state: str, taken_minor: int, at: datetime) -> Hold:
    held = Hold.objects.get(document=document)
    if taken_minor > held.amount_minor:
        raise ExceedsHold(f"{held.amount_minor} minor units were set aside.")
    locked = lock(account_ids=[held.account_id])[held.account_id]
    held.transition(state, ended_at=at)
    locked.held_minor -= held.amount_minor
    locked.balance_minor -= taken_minor
    locked.save(update_fields=["held_minor", "balance_minor"])
    return held
