"""What a tap approved online costs the database: how often it waits for it."""

import pytest
from django.db import transaction

from config import pipeline
from tests.factories import settlement as factory
from tests.settlement.test_online import card_with, tap
from tests.settlement.turns import one_by_one, turns_of

pytestmark = pytest.mark.django_db(transaction=True)

ROUND_TRIPS = 21


@pytest.fixture
def again(noon):
    """A tap where the shop's ledger account is there, within the API's transaction."""
    till, card = factory.till(now=noon), card_with()
    tap(till, card, 1000)
    return transaction.atomic(lambda: tap(till, card, 1000))


def test_an_approved_tap_waits_a_bounded_number_of_times(again):
    answer, turns = turns_of(again)

    assert answer.state == "APPROVED"
    assert turns <= ROUND_TRIPS


def test_negative_control_statement_by_statement_it_waits_more(again, monkeypatch):
    monkeypatch.setattr(pipeline, "run", one_by_one)

    answer, turns = turns_of(again)

    assert answer.state == "APPROVED"
    assert turns > ROUND_TRIPS + 10
