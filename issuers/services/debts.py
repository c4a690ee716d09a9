"""Debts of accounts: the card listed while one is open, and what comes in taken towards it.

A debt is opened by :func:`issuers.services.accounts.post_offline`, in its statement. Locks: cards,
then accounts; a debt's amounts only move under its account's lock, its listing under its card's.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from config.audit import SYSTEM
from issuers.models import BlacklistEntry, Card, Debt
from issuers.services import accounts, blacklist
from issuers.services.accounts import Owed

_LISTED_AT_ONCE: Final = 100


@transaction.atomic
def take(*, account_ids: Collection[int], at: datetime) -> list[Owed]:
    """Take what these accounts have available towards their debts; return what was taken.

    A debt that is collected whole is closed, and the listing it made is lifted: never one of
    staff's. The caller posts what was taken.
    """
    open_ones = Debt.objects.filter(account__in=account_ids, closed_at=None).order_by("account")
    cards = open_ones.order_by().values("card")
    list(Card.objects.select_for_update(no_key=True).filter(pk__in=cards).order_by("pk"))
    held = accounts.lock(account_ids=list(account_ids))
    taken = []
    for debt in open_ones.select_related("card", "entry"):
        account = held[debt.account_id]
        minor = min(max(0, account.available_minor), debt.outstanding_minor)
        if not minor:
            continue
        account.balance_minor -= minor
        account.save(update_fields=["balance_minor"])
        debt.collected_minor += minor
        debt.closed_at = None if debt.outstanding_minor else at
        debt.save(update_fields=["collected_minor", "closed_at"])
        taken.append(Owed(account=account.reference, currency=account.currency, amount_minor=minor))
        if debt.closed_at is not None:
            _lift(debt, at)
    return taken


def _lift(debt: Debt, at: datetime) -> None:
    if debt.entry is None or debt.entry.lifted_at is not None:
        return
    with suppress(blacklist.CardNotBlocked, blacklist.CardClosed):
        blacklist.unblock(card=debt.card, at=at, actor=SYSTEM, reason="The debt is collected.")


def list_cards(*, at: datetime) -> int:
    """
    List the cards of open debts whose programme wants it; return how many debts were seen to.

    The debt is the order, committed with the posting: a crash between only delays the listing to
    the next run. A card that staff listed, or that is closed, is left as it is.
    """
    waiting = unlisted().order_by("pk").select_related("card")
    return sum(_list_card(debt, at) for debt in waiting[:_LISTED_AT_ONCE])


def unlisted() -> QuerySet[Debt]:
    """Return the debts whose cards :func:`list_cards` is to see to."""
    return Debt.objects.filter(
        closed_at=None, card_seen_to_at=None, account__programme__list_on_debt=True
    )


@transaction.atomic
def _list_card(debt: Debt, at: datetime) -> int:
    # The card first: whoever collects the debt holds it, and closes what we would list.
    Card.objects.select_for_update(no_key=True).get(pk=debt.card_id)
    mine = Debt.objects.filter(pk=debt.pk, closed_at=None, card_seen_to_at=None)
    if not mine.update(card_seen_to_at=at):
        return 0
    with suppress(blacklist.CardBlockedAlready, blacklist.CardClosed):
        listed = blacklist.block(
            card=debt.card,
            reason=BlacklistEntry.Reason.DELINQUENT,
            note="Spent offline beyond what the account had.",
            at=at,
            actor=SYSTEM,
        )
        Debt.objects.filter(pk=debt.pk).update(entry=listed.entry)
    return 1
