"""What a quote at a till costs the database: how often it is waited for (E3)."""

import pytest
from django.db import transaction

from benefits.rules.vocabulary import Kind
from config import pipeline
from tests.factories import benefits as held
from tests.factories import checkouts as made
from tests.factories.requests import payer
from tests.settlement.turns import one_by_one, turns_of
from wallets.models import Phone

# Begin; number and place; savepoint; plan and holdings; budgets; lines; checkout; its end; commit.
ROUND_TRIPS = 9

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def presents(noon):
    """Present a number with four benefits as a signed call does, in the transaction of its key."""
    shopper = payer()
    customer = Phone.objects.get(device=shopper.phone).customer
    coupons = [held.held(customer, of=held.definition(budget_minor=10**6)) for _ in range(2)]
    balances = [held.held(customer, kind) for kind in (Kind.POINTS, Kind.GIFT_CARD)]
    plan = held.plan_of(shopper.phone, *coupons, *balances, at=noon)
    till = made.till()

    def present():
        with transaction.atomic():
            return till.presents(plan.tsn, 30_000, at=noon)

    return present


def test_a_quote_waits_at_most_nine_times(presents):
    quoted, turns = turns_of(presents)
    assert (quoted.state, quoted.remainder_minor) == ("QUOTED", 8_000)
    assert turns <= ROUND_TRIPS


def test_negative_control_statement_by_statement_it_waits_more(presents, monkeypatch):
    monkeypatch.setattr(pipeline, "run", one_by_one)
    quoted, turns = turns_of(presents)
    assert quoted.state == "QUOTED"
    assert turns > ROUND_TRIPS + 9
