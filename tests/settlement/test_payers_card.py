"""A payment's card is one that is there, and its payer's: in the database, whoever writes."""

import pytest
from django.db import IntegrityError, connection, transaction

from settlement.models import Payment
from tests.factories import requests as made

pytestmark = pytest.mark.django_db
NOTHING = 10**15


@pytest.fixture
def claimed(noon):
    payer = made.payer()
    payer.claims(made.terminal().asks(at=noon), at=noon)
    return payer


def decide_on(card_id):
    """Write a card that no service would have let through."""
    with transaction.atomic():
        Payment.objects.update(card_id=card_id, state="DECLINED", decline_reason="velocity")


def test_a_card_that_is_nothing_is_refused(claimed):
    with pytest.raises(IntegrityError, match="card_id of settlement_payment refers to nothing"):
        decide_on(NOTHING)


def test_another_customers_card_is_refused(claimed):
    with pytest.raises(IntegrityError, match="is not its payer's"):
        decide_on(made.payer().held.card.pk)


def test_the_payers_own_is_taken(claimed):
    decide_on(claimed.held.card.pk)

    assert Payment.objects.get().card_id == claimed.held.card.pk


@pytest.mark.parametrize("card", ["nothing", "anothers"])
def test_control_without_the_trigger_it_would_get_in(claimed, card):
    card_id = NOTHING if card == "nothing" else made.payer().held.card.pk
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE settlement_payment DISABLE TRIGGER USER")
        decide_on(card_id)
        transaction.set_rollback(True)
