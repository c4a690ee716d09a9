"""The position of card accounts: what must post, and what is set aside."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models.functions import Coalesce

from config.refusals import Refused
from issuers.models import Account, Credential, Hold


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineChange:
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


@transaction.atomic
def post_offline(*, changes: Sequence[OfflineChange]) -> dict[int, int]:
    """Post what was paid offline, whatever the accounts hold; return what no reserve covered.

    Each use first draws on what is left of its credential's reserve, or of the one that renewed
    it, so what is available stays the same; the rest overdraws and is a debt. Four statements,
    however many the changes. The answer maps the credentials drawn on, by id, to their uncovered
    minor units, those of 0 left out.
    """
    if not changes:
        return {}
    used: dict[int, int] = defaultdict(int)
    balance: dict[int, int] = defaultdict(int)
    for change in changes:
        used[change.credential_id] += change.used_minor
        balance[change.account_id] += change.balance_minor
    lock(account_ids=list(balance))
    covered, drawn = _covered(used)
    assert all(account in balance for account, _part in covered.values())
    _draw(covered)
    _move(balance, covered)
    return {pk: drawn[pk] - part for pk, (_account, part) in covered.items() if drawn[pk] > part}


def _covered(used: Mapping[int, int]) -> tuple[dict[int, tuple[int, int]], dict[int, int]]:
    """Return by credential drawn on its account and what its reserve covers, and what was asked."""
    held = Credential.objects.filter(pk__in=used).annotate(
        bears=Coalesce("renewed_by_id", "pk"),
        left_minor=Coalesce("renewed_by__reserve_minor", "reserve_minor"),
    )
    accounts: dict[int, tuple[int, int]] = {}
    drawn: dict[int, int] = defaultdict(int)
    for pk, bears, account, left_minor in held.values_list(
        "pk", "bears", "card__account_id", "left_minor"
    ):
        if used[pk]:
            accounts[bears] = (account, left_minor)
            drawn[bears] += used[pk]
    covered = {
        pk: (account, min(drawn[pk], left_minor)) for pk, (account, left_minor) in accounts.items()
    }
    return covered, drawn


def _draw(covered: dict[int, tuple[int, int]]) -> None:
    # A credential's reserve only moves under its account's lock: no lock of its own is needed.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE issuers_credential c SET reserve_minor = c.reserve_minor - d.covered
              FROM unnest(%s::bigint[], %s::bigint[]) AS d (id, covered) WHERE c.id = d.id
            """,
            [list(covered), [part for _account, part in covered.values()]],
        )


def _move(balance: dict[int, int], covered: dict[int, tuple[int, int]]) -> None:
    reserve: dict[int, int] = defaultdict(int)
    for account, part in covered.values():
        reserve[account] += part
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE issuers_account a
               SET balance_minor = a.balance_minor + d.balance,
                   offline_reserve_minor = a.offline_reserve_minor - d.covered
              FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d (id, balance, covered)
             WHERE a.id = d.id
            """,
            [list(balance), list(balance.values()), [reserve[account] for account in balance]],
        )


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
