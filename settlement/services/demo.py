"""The demo's world: an issuer, two shops, forty customers with cards and benefits, and people."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from benefits.services import demo as benefits
from benefits.services import sponsors
from config.audit import SYSTEM
from config.people import demo as people
from issuers.models import Card, Issuer, Programme
from issuers.services import issuers, programmes
from merchants.models import Merchant
from merchants.services import merchants
from settlement.models import StockItem
from settlement.services import openings, stock
from settlement.services.stock import Line
from wallets.models import Customer
from wallets.services import customers

ISSUER: Final = "Hangang Card"
BAKERY: Final = "Mapo Bakery"
BOOKS: Final = "Jongno Books"
CURRENCY: Final = "KRW"
CUSTOMERS: Final = 40
_SEED_LOCK: Final = 0x50_64_65_6D  # advisory lock: two starts at once seed one after the other
_BOOKSHOP: Final = "5942"  # merchant category codes of ISO 18245
_BAKER: Final = "5462"

_STOCK: Final = {
    StockItem.Kind.GIFT: (10_000, 30_000, 50_000),
    StockItem.Kind.LOTTERY: (1_000, 5_000),
}
_OF_EACH: Final = 50

_FAMILIES: Final = ("Kim", "Lee", "Park", "Choi", "Jung", "Kang", "Cho", "Yoon")
_GIVEN: Final = ("Minjun", "Seojun", "Jiwoo", "Hayoon", "Dohyun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A card programme of the demo, and what a new card of it begins with, in minor units."""

    name: str
    kind: Programme.Kind
    balance_minor: int = 0
    limit_minor: int = 0


PRODUCTS: Final = (
    Product(name="Hangang Credit", kind=Programme.Kind.CREDIT, limit_minor=8_000_000),
    Product(name="Hangang Check", kind=Programme.Kind.CHECK, balance_minor=4_000_000),
    Product(name="Hangang Debit", kind=Programme.Kind.DEBIT, balance_minor=6_000_000),
    Product(name="Hangang Gift", kind=Programme.Kind.PREPAID, balance_minor=1_000_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """What stands there now, whether this call made it or an earlier one."""

    issuer: Issuer
    bakery: Merchant
    books: Merchant
    customers: int
    cards: int

    def answer(self) -> dict[str, Any]:
        """Return it as ``seed_demo`` prints it."""
        return {
            "issuer": self.issuer.reference,
            "merchants": [self.bakery.reference, self.books.reference],
            "customers": self.customers,
            "cards": self.cards,
        }


@transaction.atomic
def seed(*, at: datetime) -> Seeded:
    """
    Make the demo's world, all of it or nothing; where it stands already, change nothing.

    Names are always the same. Everything comes about by the services that pages and commands call,
    in the name of the system, so the ledger and the audit trail hold from the first row.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SEED_LOCK])
    issuer = Issuer.objects.filter(name=ISSUER).first()
    if issuer is None:
        issuer = _make(at)
    bakery, books = (Merchant.objects.filter(name=name).first() for name in (BAKERY, BOOKS))
    assert bakery is not None, "the demo's issuer and its shops are made together"
    assert books is not None, "the demo's issuer and its shops are made together"
    brand = sponsors.brand(name=benefits.FLOUR, at=at)
    people.seed(issuer=issuer.reference, merchant=bakery.reference, sponsor=brand.reference, at=at)
    return Seeded(
        issuer=issuer,
        bakery=bakery,
        books=books,
        customers=Customer.objects.filter(name__in=names()).count(),
        cards=Card.objects.filter(issuer=issuer).count(),
    )


def names() -> list[str]:
    """Return the names of the demo's customers, in the order in which they get cards."""
    return [f"{given} {family}" for given in _GIVEN for family in _FAMILIES][:CUSTOMERS]


def _make(at: datetime) -> Issuer:
    issuer = issuers.add(name=ISSUER, at=at, actor=SYSTEM)
    bakery, books = _open_shops(at)
    offered = [_offer(issuer, product, at) for product in PRODUCTS]
    holders = []
    for place, name in enumerate(names()):
        customer = customers.add(name=name, actor=SYSTEM, at=at)
        holders.append(customer)
        for nth in range(2 if place % 4 == 0 else 1):
            _issue(offered, customer, place + nth, at)
    benefits.seed(customers=holders, bakery=bakery, books=books, issuer=issuer, at=at)
    stock.load(merchant=books, lines=list(_stock()), actor=SYSTEM, at=at)
    return issuer


def _stock() -> Iterator[Line]:
    """Yield the certificates and tickets that the bookshop's machines hand out."""
    for kind, amounts in _STOCK.items():
        for amount_minor in amounts:
            for place in range(1, _OF_EACH + 1):
                serial = f"{kind.value[0]}{amount_minor}-{place:04d}"
                yield Line(kind.value, CURRENCY, amount_minor, serial)


def _open_shops(at: datetime) -> tuple[Merchant, Merchant]:
    bakery, _main = merchants.add(
        name=BAKERY, mcc=_BAKER, store_name="Mapo main street", actor=SYSTEM, at=at
    )
    merchants.add_store(merchant=bakery, name="Hongdae station", actor=SYSTEM, at=at)
    books, _store = merchants.add(
        name=BOOKS, mcc=_BOOKSHOP, store_name="Jongno 2-ga", actor=SYSTEM, at=at
    )
    return bakery, books


def _offer(issuer: Issuer, product: Product, at: datetime) -> tuple[Programme, Product]:
    programme = programmes.add(
        issuer=issuer, name=product.name, kind=product.kind, currency=CURRENCY, at=at, actor=SYSTEM
    )
    return programme, product


def _issue(
    offered: list[tuple[Programme, Product]], customer: Customer, place: int, at: datetime
) -> None:
    programme, product = offered[place % len(offered)]
    openings.issue_card(
        programme=programme,
        holder=customer.reference,
        balance_minor=product.balance_minor,
        limit_minor=product.limit_minor,
        actor=SYSTEM,
        at=at,
    )
