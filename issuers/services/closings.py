"""An account is closed once nothing is on it, owed by it or could still come to it."""

from datetime import datetime

from django.db import transaction

from config import audit
from config.audit import Actor
from config.refusals import Refused
from issuers.models import Account, Card
from issuers.services import accounts
from issuers.services.accounts import AccountClosed


class AccountNotEmpty(Refused):
    code = "account_not_empty"
    status = 409
    title = "The account holds or owes something"


class CardsOpen(Refused):
    code = "cards_open"
    status = 409
    title = "A card of the account is not closed"


@transaction.atomic
def close_account(*, account: Account, reason: str, at: datetime, actor: Actor) -> Account:
    """Close ``account`` for good. Locks: its cards, then the account.

    An offline record may come until its certificate's reserve is released, so an account with a
    reserve stays open; so does one with money of its holder, a hold or a debt.

    :raises CardsOpen: one of its cards is not closed
    :raises AccountNotEmpty: money, a hold, a reserve or a debt is on it
    :raises AccountClosed: it is closed
    """
    cards = Card.objects.select_for_update(no_key=True).filter(account=account).order_by("pk")
    if any(card.state != Card.State.CLOSED for card in cards):
        raise CardsOpen
    held = accounts.lock(account_ids=[account.pk])[account.pk]
    if held.state == Account.State.CLOSED:
        raise AccountClosed
    if held.balance_minor or held.held_minor or held.offline_reserve_minor or _owes(held):
        raise AccountNotEmpty
    held.transition(Account.State.CLOSED)
    audit.record(
        actor=actor,
        action="account.close",
        subject_kind="account",
        subject=held.reference,
        tenant=held.programme.issuer.reference,
        at=at,
        reason=reason,
    )
    return held


def _owes(account: Account) -> bool:
    return account.debts.filter(closed_at=None).exists()
