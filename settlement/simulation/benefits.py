"""What customers of a simulation hold at its shop, so that plans and checkouts have something."""

from datetime import datetime
from typing import Final

from benefits.models import Definition, Sponsor
from benefits.rules.vocabulary import BALANCES, WHOLE_BPS, Kind
from benefits.services import catalogue, holdings, sponsors
from benefits.services.catalogue import Terms
from benefits.services.holdings import Worth
from config.audit import Actor
from merchants.models import Merchant
from wallets.models import Customer

GIFT_CARD: Final = "Simulated gift card"
_NOT_GRANTED: Final = frozenset({Kind.CASH_RECEIPT, Kind.STAMP})
_WORTH: Final = {Kind.POINTS: 4_321, Kind.GIFT_CARD: 17_000}


def offer(*, shop: Merchant, actor: Actor, at: datetime) -> list[Definition]:
    """Return what ``shop`` has out, a gift card of its own among it."""
    out = Definition.objects.filter(
        state=Definition.State.PUBLISHED, merchants=[shop.reference]
    ).exclude(kind__in=_NOT_GRANTED)
    found = list(out.order_by("pk"))
    if not any(each.kind == Kind.GIFT_CARD for each in found):
        found.append(_gift_card(shop, actor, at))
    return found


def grant(*, definitions: list[Definition], owner: str, at: datetime) -> None:
    """Give the customer ``owner`` one of each."""
    customer = Customer.objects.get(reference=owner)
    for definition in definitions:
        kind = Kind(definition.kind)
        worth = Worth(amount_minor=_WORTH[kind] if kind in BALANCES else None)
        holdings.grant(definition=definition, customer=customer, worth=worth, at=at)


def _gift_card(shop: Merchant, actor: Actor, at: datetime) -> Definition:
    payer = sponsors.of(kind=Sponsor.Kind.MERCHANT, owner=shop.reference, name=shop.name, at=at)
    terms = Terms(
        name=GIFT_CARD,
        kind=Kind.GIFT_CARD,
        currency=shop.currency,
        merchants=(shop.reference,),
    )
    drafted = catalogue.draft(terms=terms, shares=[(payer, WHOLE_BPS)], actor=actor, at=at)
    return catalogue.publish(definition=drafted, actor=actor, at=at)
