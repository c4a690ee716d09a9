"""Cards with their opening balance: the position and the ledger in one transaction."""

from datetime import datetime

from django.db import transaction

from config.audit import Actor
from config.refusals import NotFound
from issuers.models import Card, Programme
from issuers.services import cards
from settlement.models import LedgerAccount, Transfer
from settlement.services import ledger
from settlement.services.ledger import Draft, Key
from wallets.models import Customer


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


def issue_to(
    *, customer: str, programme: str, balance_minor: int, at: datetime, actor: Actor
) -> Card:
    """
    Issue a card to the customer, of the programme, both named by their references.

    :raises NotFound: there is no such customer or programme
    :raises OpeningInvalid: a balance below 0
    """
    product = Programme.objects.select_related("issuer").filter(reference=programme).first()
    if product is None:
        raise NotFound(f"No programme {programme}.")
    if not Customer.objects.filter(reference=customer).exists():
        raise NotFound(f"No customer {customer}.")
    return issue_card(
        programme=product, holder=customer, balance_minor=balance_minor, at=at, actor=actor
    )
