"""Cards with their opening balance: the position and the ledger in one transaction."""

from datetime import datetime

from django.db import transaction

from config.audit import Actor
from issuers.models import Card, Programme
from issuers.services import cards
from settlement.models import LedgerAccount, Transfer
from settlement.services import ledger
from settlement.services.ledger import Draft, Key


@transaction.atomic
def issue_card(
    *,
    programme: Programme,
    holder: str,
    at: datetime,
    actor: Actor,
    balance_minor: int = 0,
    limit_minor: int = 0,
) -> Card:
    """
    Issue a card and fund its account; both amounts in minor units of the programme's currency.

    ``holder``: the customer's reference. ``balance_minor``: the holder's own money, out of the
    issuer's funding account. ``limit_minor``: what the issuer lends, which no transfer shows
    before it is used.

    :raises OpeningInvalid: an amount below 0, or a limit on a card that lends nothing
    """
    card = cards.issue(
        programme=programme,
        holder=holder,
        at=at,
        actor=actor,
        balance_minor=balance_minor,
        limit_minor=limit_minor,
    )
    if balance_minor:
        ledger.post_many(kind="card_issue", transfers=[_opening(card, balance_minor)], at=at)
    return card


def _opening(card: Card, balance_minor: int) -> Draft:
    currency = card.account.currency
    return Draft(
        code=Transfer.Code.OPENING,
        debit=Key(LedgerAccount.Kind.FUNDING.value, card.issuer.reference, currency),
        credit=Key(LedgerAccount.Kind.CARDHOLDER.value, card.account.reference, currency),
        amount_minor=balance_minor,
    )
