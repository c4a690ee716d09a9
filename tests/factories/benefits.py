"""Benefits that customers hold, plans of phones, and tills that take them."""

from dataclasses import dataclass
from datetime import UTC, datetime

from benefits.models import Sponsor
from benefits.rules.earning import Earns
from benefits.rules.vocabulary import Kind
from benefits.services import catalogue, earning_rules, holdings, locks, plans, sponsors
from benefits.services.catalogue import Terms
from benefits.services.earning_rules import EarningTerms
from benefits.services.holdings import Worth
from benefits.services.locks import Basket
from benefits.services.plans import Choice, Wish
from config.audit import SYSTEM
from config.models import Device
from config.wire.keys import SigningKey
from merchants.models import Merchant, Store
from tests.factories.merchants import StoreFactory, enrolled
from tests.factories.requests import Payer

PUBLISHED = datetime(2026, 11, 20, tzinfo=UTC)


def sponsor(name="Mapo Bakery"):
    return sponsors.brand(name=name, at=PUBLISHED)


def sponsor_of(merchant):
    return sponsors.of(
        kind=Sponsor.Kind.MERCHANT, owner=merchant.reference, name=merchant.name, at=PUBLISHED
    )


def definition(kind=Kind.COUPON_FIXED, *, shares=None, at=PUBLISHED, **terms):
    """Return a published definition, paid by one brand unless ``shares`` says who does."""
    if kind not in {Kind.POINTS, Kind.GIFT_CARD, Kind.CASH_RECEIPT} and "percent_bps" not in terms:
        terms.setdefault("amount_minor", 1_000)
    drafted = catalogue.draft(
        terms=Terms(**{"name": kind.title(), "kind": kind, "currency": "KRW"} | terms),
        shares=shares or [(sponsor(), 10_000)],
        actor=SYSTEM,
        at=at,
    )
    return catalogue.publish(definition=drafted, actor=SYSTEM, at=at)


def held(customer, kind=Kind.COUPON_FIXED, *, of=None, at=PUBLISHED, key="", worth=None, **terms):
    """Return a holding of ``customer``; of a new definition unless ``of`` is given."""
    of = of or definition(kind, at=at, **terms)
    worth = worth or Worth(
        amount_minor=10_000 if of.kind in {Kind.POINTS, Kind.GIFT_CARD} else None,
        identifier="010-1234-5678" if of.kind == Kind.CASH_RECEIPT else "",
    )
    return holdings.grant(definition=of, customer=customer, key=key, worth=worth, at=at)


def earning(merchant, kind=Kind.POINTS, *, at, starts_at=None, ends_at=None, lot_days=None, **how):
    """Return a rule by which a merchant's customers earn a new benefit of its own."""
    gives = definition(kind, shares=[(sponsor_of(merchant), 10_000)])
    terms = EarningTerms(
        earns=Earns(**how), starts_at=starts_at, ends_at=ends_at, lot_days=lot_days
    )
    return earning_rules.add(merchant=merchant, gives=gives, terms=terms, actor=SYSTEM, at=at)


def plan_of(device, *chosen, at, **wish):
    """Return what a phone made of holdings, or of (holding, amount) pairs."""
    pairs = [each if isinstance(each, tuple) else (each, None) for each in chosen]
    choices = [Choice(holding.reference, amount) for holding, amount in pairs]
    return plans.make(device=device, wish=Wish(choices=choices, **wish), at=at)


def psn_of(payer: Payer, made, *, pin="1234"):
    """Return the payment number the phone makes for its plan."""
    payer.counter += 1
    return payer.code(made.tsn, bytes(payer.held.card.token), payer.counter, pin)


@dataclass
class Counter:
    """A till in a shop."""

    device: Device
    key: SigningKey
    merchant: Merchant
    store: Store
    taken: int = 0

    def takes(self, plan, amount=10_000, *, at, items=(), card=None, document=None):
        """Take a plan, as a checkout does."""
        self.taken += 1
        return locks.take(
            plan=plan,
            document=document or f"CHK-{self.device.pk}-{self.taken}",
            basket=Basket(amount, "KRW", items),
            merchant=self.merchant,
            store=self.store,
            card=card,
            at=at,
        )


def counter(**options):
    store = options.pop("store", None) or StoreFactory()
    device, key = enrolled(kind="TERMINAL", store=store, **options)
    return Counter(device=device, key=key, merchant=store.merchant, store=store)
