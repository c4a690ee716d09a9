"""What many purchases earn at once is what each would earn by itself."""

from dataclasses import replace
from datetime import timedelta
from itertools import chain
from random import Random

import pytest
from django.db import transaction

from benefits.models import Accrual, Holding, StampCard
from benefits.rules.earning import Earns
from benefits.rules.vocabulary import Kind
from benefits.services import accruals, earning_rules
from benefits.services.accruals import Paid
from benefits.services.earning_rules import EarningTerms
from benefits.services.holdings import BudgetExhausted
from config.audit import SYSTEM
from tests.factories import benefits as made
from tests.factories import requests
from wallets.models import Phone

pytestmark = pytest.mark.django_db

PURCHASES = 40
# Statements: rules and what they gave 2, the customers 1, holdings that begin 3, their lots 2 and
# balances 1, cards 2, accruals 1.
BY_TWO_RULES = 12
DAY = timedelta(days=1)


@pytest.fixture
def customers(db):
    phones = [requests.payer().phone for _ in range(3)]
    return [Phone.objects.get(device=phone).customer for phone in phones]


def rules(till, at):
    """Points without an end, points of a tight budget, cards that fill, and cards of one stamp."""
    own = [(made.sponsor_of(till.merchant), 10_000)]
    tight = made.definition(Kind.POINTS, shares=own, budget_minor=1_500)
    terms = EarningTerms(earns=Earns(points_bps=200, min_purchase_minor=3_000))
    earning_rules.add(merchant=till.merchant, gives=tight, terms=terms, actor=SYSTEM, at=at)
    made.earning(till.merchant, points_bps=155, lot_days=30, at=at)
    made.earning(till.merchant, Kind.STAMP, stamps_needed=3, at=at)
    made.earning(till.merchant, Kind.STAMP, stamps_needed=1, at=at)
    late = made.earning(till.merchant, points_bps=900, at=at, starts_at=at + DAY)
    earning_rules.end(rule=late, actor=SYSTEM, at=at + 2 * DAY)


def bought(customers, till, at):
    """Return purchases over some days; some are too small to earn points."""
    random = Random(1)
    return [
        Paid(
            document=f"PAY-{number}",
            customer=random.choice(customers),
            merchant=till.merchant,
            currency="KRW",
            base_minor=random.choice((10, 2_999, 5_000, 9_999)),
            paid_at=at + random.randrange(4) * DAY,
        )
        for number in range(PURCHASES)
    ]


def told():
    """Return all that customers have of it."""
    return {
        "accruals": sorted(
            Accrual.objects.values_list("document", "earning", "customer", "base_minor", "amount")
        ),
        "balances": sorted(
            Holding.objects.values_list("definition", "customer", "balance_minor", "state")
        ),
        "cards": sorted(StampCard.objects.values_list("earning", "customer", "stamps", "needed")),
        "lots": sorted(
            Accrual.objects.exclude(lot=None).values_list("document", "amount", "lot__left_minor")
        ),
    }


@pytest.fixture
def purchases(customers, till, noon):
    rules(till, noon)
    return bought(customers, till, noon)


@pytest.fixture
def by_itself(purchases, noon):
    """What is there when each purchase is given for by itself; undone again."""
    with transaction.atomic():
        for paid in purchases:
            accruals.give(purchases=[paid], at=noon)
        found = told()
        transaction.set_rollback(True)
    return found


def given(purchases, at):
    """Return what purchases are given: together, or each by itself where a budget does not do."""
    try:
        with transaction.atomic():
            return accruals.give(purchases=purchases, at=at)
    except BudgetExhausted:
        alone = [accruals.give(purchases=[paid], at=at) for paid in purchases]
        return list(chain.from_iterable(alone))


@pytest.mark.parametrize("together", [7, PURCHASES])
def test_many_at_once_are_given_what_each_would_be(purchases, by_itself, noon, together):
    for first in range(0, PURCHASES, together):
        given(purchases[first : first + together], noon)
    assert told() == by_itself
    assert {card[2] for card in by_itself["cards"]} > {1, 3}


def test_what_was_given_is_told_and_not_given_again(purchases, by_itself, noon):
    first = given(purchases[:20], noon)
    again = given(purchases, noon)
    assert {each.pk for each in first} < {each.pk for each in again}
    assert told() == by_itself


def test_many_take_no_more_statements_than_one(
    customers, till, noon, django_assert_max_num_queries
):
    made.earning(till.merchant, points_bps=155, at=noon)
    made.earning(till.merchant, Kind.STAMP, stamps_needed=PURCHASES, at=noon)
    first, *rest = bought(customers, till, noon)
    with django_assert_max_num_queries(BY_TWO_RULES):
        accruals.give(purchases=[replace(first, base_minor=9_999)], at=noon)
    with django_assert_max_num_queries(BY_TWO_RULES + 1):  # some have cards, some begin theirs
        accruals.give(purchases=rest, at=noon)
    assert Accrual.objects.count() > PURCHASES
