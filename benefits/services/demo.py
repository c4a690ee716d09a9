"""What the demo's customers hold: coupons, points, stamps, a grade, a card discount, gift cards."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from benefits.models import Definition, Sponsor
from benefits.rules.earning import Earns
from benefits.rules.vocabulary import WHOLE_BPS, Kind
from benefits.services import accruals, catalogue, earning_rules, holdings, sponsors
from benefits.services.accruals import Paid
from benefits.services.catalogue import Terms
from benefits.services.earning_rules import EarningTerms
from benefits.services.holdings import Worth
from config.audit import SYSTEM
from issuers.models import Issuer
from merchants.models import Merchant
from wallets.models import Customer

CURRENCY: Final = "KRW"
FLOUR: Final = "Hangang Flour"  # a brand that shares a coupon with the bakery
_GRADE_EVERY: Final = 4  # so many customers, and so on
_GIFT_EVERY: Final = 2


def seed(
    *,
    customers: Sequence[Customer],
    bakery: Merchant,
    books: Merchant,
    issuer: Issuer,
    at: datetime,
) -> None:
    """Publish the demo's benefits and grant them to its customers, in the name of the system."""
    baker, bookseller = (_merchant(each, at) for each in (bakery, books))
    bank = sponsors.of(kind=Sponsor.Kind.ISSUER, owner=issuer.reference, name=issuer.name, at=at)
    flour = sponsors.brand(name=FLOUR, at=at)
    at_bakery, at_books = (
        Terms(name="", kind=Kind.GRADE, currency=CURRENCY, merchants=(each.reference,))
        for each in (bakery, books)
    )
    welcome = _publish(_coupon(at_bakery, at), [(baker, WHOLE_BPS)], at)
    bread = _publish(_bread(at_bakery, at), [(baker, 6_000), (flour, 4_000)], at)
    points = _publish(_named(at_bakery, "Mapo points", Kind.POINTS), [(baker, WHOLE_BPS)], at)
    stamps = _publish(_reward(at_bakery), [(baker, WHOLE_BPS)], at)
    grade = _publish(_grade(at_books), [(bookseller, WHOLE_BPS)], at)
    card = _publish(_card_discount(issuer), [(bank, WHOLE_BPS)], at)
    gift = _publish(_named(at_books, "Book voucher", Kind.GIFT_CARD), [(bookseller, WHOLE_BPS)], at)
    receipt = _publish(_receipt(), [(bookseller, WHOLE_BPS)], at)
    catalogue.draft(terms=_autumn(at_bakery, at), shares=[(baker, WHOLE_BPS)], actor=SYSTEM, at=at)
    _earn(bakery, points, EarningTerms(earns=Earns(points_bps=100), lot_days=365), at)
    _earn(bakery, stamps, EarningTerms(earns=Earns(stamps_needed=10)), at)
    for place, customer in enumerate(customers):
        _grant([welcome, bread, card], customer, at)
        _grant_with(points, customer, Worth(amount_minor=1_500 + 100 * place), at)
        _grant_with(receipt, customer, Worth(identifier=f"010-5550-{1000 + place}"), at)
        if place % _GRADE_EVERY == 0:
            _grant([grade], customer, at)
        if place % _GIFT_EVERY == 0:
            _grant_with(gift, customer, Worth(amount_minor=30_000), at)
    _stamp(customers, bakery, at)


def _merchant(merchant: Merchant, at: datetime) -> Sponsor:
    return sponsors.of(
        kind=Sponsor.Kind.MERCHANT, owner=merchant.reference, name=merchant.name, at=at
    )


def _named(terms: Terms, name: str, kind: Kind) -> Terms:
    return replace(terms, name=name, kind=kind)


def _coupon(terms: Terms, at: datetime) -> Terms:
    return replace(
        _named(terms, "Welcome to Mapo", Kind.COUPON_FIXED),
        amount_minor=1_000,
        min_purchase_minor=5_000,
        ends_at=at + timedelta(days=90),
        stack_group="welcome",
        budget_minor=1_000_000,
    )


def _bread(terms: Terms, at: datetime) -> Terms:
    return replace(
        _named(terms, "Bread week", Kind.COUPON_PERCENT),
        percent_bps=1_000,
        cap_minor=3_000,
        ends_at=at + timedelta(days=30),
        uses_each=5,
        budget_minor=2_000_000,
    )


def _autumn(terms: Terms, at: datetime) -> Terms:
    """Return a draft that waits to be tried; it clashes with the welcome."""
    return replace(
        _named(terms, "Autumn bread", Kind.COUPON_PERCENT),
        percent_bps=1_000,
        min_purchase_minor=10_000,
        cap_minor=5_000,
        ends_at=at + timedelta(days=30),
        stack_group="welcome",
        budget_minor=2_000_000,
    )


def _reward(terms: Terms) -> Terms:
    return replace(_named(terms, "Ten visits", Kind.STAMP), amount_minor=3_000, valid_days=90)


def _grade(terms: Terms) -> Terms:
    return replace(
        _named(terms, "Jongno gold", Kind.GRADE), percent_bps=500, cap_minor=5_000, uses_each=None
    )


def _card_discount(issuer: Issuer) -> Terms:
    return Terms(
        name="Hangang day",
        kind=Kind.CARD_DISCOUNT,
        currency=CURRENCY,
        percent_bps=300,
        cap_minor=2_000,
        issuers=(issuer.reference,),
        uses_each=None,
    )


def _receipt() -> Terms:
    return Terms(name="Cash receipt", kind=Kind.CASH_RECEIPT, currency=CURRENCY, uses_each=None)


def _publish(terms: Terms, shares: Sequence[tuple[Sponsor, int]], at: datetime) -> Definition:
    drafted = catalogue.draft(terms=terms, shares=shares, actor=SYSTEM, at=at)
    return catalogue.publish(definition=drafted, actor=SYSTEM, at=at)


def _earn(merchant: Merchant, gives: Definition, terms: EarningTerms, at: datetime) -> None:
    earning_rules.add(merchant=merchant, gives=gives, terms=terms, actor=SYSTEM, at=at)


def _grant(definitions: Sequence[Definition], customer: Customer, at: datetime) -> None:
    for definition in definitions:
        holdings.grant(definition=definition, customer=customer, at=at)


def _grant_with(definition: Definition, customer: Customer, worth: Worth, at: datetime) -> None:
    holdings.grant(definition=definition, customer=customer, key="", worth=worth, at=at)


def _stamp(customers: Sequence[Customer], bakery: Merchant, at: datetime) -> None:
    """Stamp the cards of earlier visits; points of them would be below the minor unit."""
    visits = [
        Paid(
            document=f"{customer.reference}-{visit}",
            customer=customer,
            merchant=bakery,
            currency=CURRENCY,
            base_minor=1,
            paid_at=at,
        )
        for place, customer in enumerate(customers)
        for visit in range(place % 9)
    ]
    accruals.give(purchases=visits, at=at)
