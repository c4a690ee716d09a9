"""What an approval said stays: in the database, whoever writes."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from settlement.models import Payment
from settlement.services import batches
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(noon):
    till = factory.till(now=noon)
    till.upload(factory.card_on_phone(at=noon - timedelta(hours=1)).sale(till))
    batches.post_waiting(limit=1, at=noon)
    return Payment.objects.get()


OTHERWISE = {
    "bearer": "MERCHANT",
    "bearer_cause": "reader_held_entry",
    "business_date": "2020-01-01",
    "created_at": "2020-01-01T00:00:00Z",
    "approved_at": "2020-01-01T00:00:00Z",
    "approval_code": "OZZZZZ",
    "fee_minor": 1,
    "amount_minor": 1,
}


@pytest.mark.parametrize("field", OTHERWISE)
def test_no_fact_of_an_approved_payment_changes(payment, field):
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(**{field: OTHERWISE[field]})


def test_when_the_portal_decided_is_written_once(payment, noon):
    mine = Payment.objects.filter(pk=payment.pk)
    mine.update(decided_at=noon)
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        mine.update(decided_at=noon + timedelta(seconds=1))


def test_its_state_still_moves(payment):
    payment.transition("REVERSED")


def test_without_the_trigger_the_bearer_changes(payment):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE settlement_payment DISABLE TRIGGER USER")
    Payment.objects.filter(pk=payment.pk).update(bearer="MERCHANT")
