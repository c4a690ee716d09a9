"""Mission 2.13: what statements say a sponsor owes is what the ledger has of it, to the unit."""

from datetime import timedelta
from random import Random

import pytest

from benefits.rules.vocabulary import Kind
from benefits.selectors import statements
from benefits.services.holdings import Worth
from settlement.models import Transfer
from settlement.services import ledger, payments
from tests.factories import benefits as held
from tests.factories import checkouts as made
from tests.factories.merchants import SYSTEM
from tests.factories.requests import payer, programme_without_velocity
from wallets.models import Phone

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def shopper(db):
    return payer(of=programme_without_velocity())


@pytest.fixture
def till(db):
    return made.till()


@pytest.fixture
def offered(db):
    """Benefits of two sponsors that share what cannot be shared evenly, and a gift card's."""
    shares = [(held.sponsor("Flour"), 6_667), (held.sponsor("Milk"), 3_333)]
    return [
        held.definition(shares=shares, amount_minor=997),
        held.definition(Kind.COUPON_PERCENT, shares=shares, percent_bps=733),
        held.definition(Kind.POINTS, shares=shares),
        held.definition(Kind.GIFT_CARD, shares=shares),
    ]


def buys(shopper, till, offered, random, noon):
    """Buy something with some of it, by card or cash; now and then give back a part, or all."""
    customer = Phone.objects.get(device=shopper.phone).customer
    key = f"k{random.random()}"
    worth = Worth(amount_minor=random.randrange(1, 3_000))
    chosen = [
        held.held(customer, of=each, at=noon, key=key, worth=worth)
        for each in random.sample(offered, random.randrange(1, len(offered) + 1))
    ]
    amount = random.randrange(5_000, 20_000)
    if random.random() < 0.3:
        quoted = till.presents(held.plan_of(shopper.phone, *chosen, at=noon).tsn, amount, at=noon)
        paid = till.confirms(quoted, at=noon)
        parts = [amount - quoted.remainder_minor] * (random.random() < 0.5)
    else:
        card = shopper.held.card.reference
        plan = held.plan_of(shopper.phone, *chosen, card=card, at=noon)
        paid = till.presents(made.with_psn(shopper, plan), amount, at=noon)
        parts = [amount // random.randrange(3, 9) for _ in range(random.randrange(3))]
    assert paid.state == "PAID"
    for part in parts:
        payments.refund(
            reference=paid.reference, amount_minor=part, reason="", actor=SYSTEM, at=noon
        )


def both_sides(noon):
    """Return what each sponsor owes: by its statement, and by the ledger."""
    in_ledger = {key.owner: -minor for key, minor in ledger.balances(kind="SPONSOR").items()}
    stated = {owner: owed(owner, noon) for owner in in_ledger}
    return stated, in_ledger


def owed(owner, noon):
    days = statements.days_of(owner=owner, since=noon - DAY, until=noon + DAY, zone="Asia/Seoul")
    return sum(day.owed_minor for day in days)


@pytest.mark.parametrize("seed", range(4))
def test_2_13_statements_say_what_the_ledger_says(shopper, till, offered, noon, seed):
    random = Random(seed)
    for _ in range(12):
        buys(shopper, till, offered, random, noon)
    stated, in_ledger = both_sides(noon)
    assert len(in_ledger) == 2
    assert stated == in_ledger
    assert ledger.check() == []


def test_a_transfer_of_which_no_line_knows_would_be_seen(shopper, till, offered, noon):
    buys(shopper, till, offered[:1], Random(1), noon)
    owner = held.sponsor("Flour").owner
    unknown = ledger.Draft(
        Transfer.Code.DISCOUNT,
        ledger.Key("SPONSOR", owner, "KRW"),
        ledger.Key("MERCHANT", till.merchant, "KRW"),
        1,
    )
    ledger.post_many(kind="x", transfers=[unknown], at=noon)
    stated, in_ledger = both_sides(noon)
    assert {name for name, minor in stated.items() if in_ledger[name] != minor} == {owner}
