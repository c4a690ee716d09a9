"""Debts in the ledger: opened by a posting that overdraws, collected at the next contact.

Opened: debit RECEIVABLE, credit CARDHOLDER, with the balance as much higher; collected: the
reverse. So a card account never stands below zero available, and what it owes stands by itself.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db import transaction

from config import pipeline
from config.pipeline import Statement
from issuers.models import Debt
from issuers.services import authorise, debts
from issuers.services.accounts import Owed
from issuers.services.authorise import Asked
from settlement.models import LedgerAccount, Transfer
from settlement.services import ledger
from settlement.services.ledger import Draft, Key

_Kind = LedgerAccount.Kind


def opened(owed: Iterable[Owed]) -> list[Draft]:
    """Return the transfers that set apart what accounts came to owe by a posting."""
    return [
        Draft(Transfer.Code.DEBT_OPENED, _receivable(one), _cardholder(one), one.amount_minor)
        for one in owed
    ]


def collect(*, account_ids: Collection[int], at: datetime) -> int:
    """
    Take what these accounts have available towards their debts; return how much, in minor units.

    In a transaction of its own, so that what was taken stays taken whatever the contact comes to.
    A debt collected whole lifts the listing it made, before the card is looked at.
    """
    if not Debt.objects.filter(account__in=account_ids, closed_at=None).exists():
        return 0
    with transaction.atomic():
        taken = debts.take(account_ids=account_ids, at=at)
        code = Transfer.Code.DEBT_COLLECTED
        drafts = [
            Draft(code, _cardholder(one), _receivable(one), one.amount_minor) for one in taken
        ]
        if drafts:
            ledger.post_many(kind="debt_collection", transfers=drafts, at=at)
    return sum(one.amount_minor for one in taken)


def asked_after(*, questions: Sequence[Statement], holder: str, at: datetime) -> Asked | None:
    """
    Ask the issuer's ``questions`` about a card, once a debt of its account is collected.

    For who has locked all that comes before a card: collecting locks card and account by itself, so
    those of the first look are let go before. Nothing is collected of a card that is not
    ``holder``'s. None: there is no such card.
    """
    with transaction.atomic():
        asked = authorise.asked(pipeline.run(*questions))
        if asked is None or not asked.owes or asked.holder != holder:
            return asked
        transaction.set_rollback(True)
    collect(account_ids=[asked.account_id], at=at)
    return authorise.asked(pipeline.run(*questions))


def _receivable(owed: Owed) -> Key:
    return Key(_Kind.RECEIVABLE.value, owed.account, owed.currency)


def _cardholder(owed: Owed) -> Key:
    return Key(_Kind.CARDHOLDER.value, owed.account, owed.currency)
