"""A benefit made for one customer alone: defined, published and granted at once."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from benefits.models import Holding, Sponsor
from benefits.rules.vocabulary import BALANCES, WHOLE_BPS, Kind
from benefits.services import catalogue, holdings, sponsors
from benefits.services.catalogue import Terms
from benefits.services.holdings import Worth
from config.audit import Actor
from config.refusals import NotFound
from issuers.models import Programme
from merchants.models import Merchant
from wallets.models import Customer

LIFE: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What is offered, besides its terms, by references: ``sponsor`` None is the merchant itself,
    a name nobody here has a brand. ``amount_minor``: the balance of points and gift cards."""

    customer: str
    merchant: str
    amount_minor: int | None = None
    sponsor: str | None = None
    programme: str | None = None
    identifier: str = ""


@transaction.atomic
def grant_alone(*, offered: Offered, terms: Terms, actor: Actor, at: datetime) -> Holding:
    """Grant one customer a benefit of its own at one merchant, for 30 days; return the holding.

    ``terms``: kind, currency and limits; name, worth, places and window are filled in here.

    :raises NotFound: no such customer, merchant or programme
    :raises BenefitMalformed, WorthMissing, UnknownCurrency: these terms make no benefit
    """
    customer = Customer.objects.filter(reference=offered.customer).first()
    merchant = Merchant.objects.filter(reference=offered.merchant).first()
    if customer is None or merchant is None:
        raise NotFound
    by_balance = terms.kind in BALANCES
    terms = replace(
        terms,
        amount_minor=None if by_balance else offered.amount_minor,
        merchants=(merchant.reference,),
        programmes=_programmes(offered.programme),
        ends_at=at + LIFE,
    )
    drafted = catalogue.draft(
        terms=terms, shares=[(_sponsor(offered, merchant, at), WHOLE_BPS)], actor=actor, at=at
    )
    published = catalogue.publish(definition=drafted, actor=actor, at=at)
    worth = Worth(
        amount_minor=offered.amount_minor if by_balance else None,
        identifier=(offered.identifier or customer.reference)
        if terms.kind == Kind.CASH_RECEIPT
        else "",
    )
    return holdings.grant(definition=published, customer=customer, worth=worth, at=at)


def _programmes(reference: str | None) -> tuple[str, ...]:
    if reference is None:
        return ()
    if not Programme.objects.filter(reference=reference).exists():
        raise NotFound
    return (reference,)


def _sponsor(offered: Offered, merchant: Merchant, at: datetime) -> Sponsor:
    if offered.sponsor is None:
        return sponsors.of(
            kind=Sponsor.Kind.MERCHANT, owner=merchant.reference, name=merchant.name, at=at
        )
    known = Sponsor.objects.filter(reference=offered.sponsor).first()
    return known or sponsors.brand(name=offered.sponsor, at=at)
