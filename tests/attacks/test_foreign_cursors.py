"""A cursor that names another's payment tells no more than one that names nothing."""

import pytest
from django.utils import timezone

from settlement.models import Payment
from settlement.selectors.customers import payments_of_customer
from settlement.services import batches
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db


def test_a_foreign_payment_as_cursor_is_an_unknown_one():
    now = timezone.now()
    till = factory.till(now=now)
    mine, foreign = (factory.card_on_phone(at=now) for _ in range(2))
    till.upload(mine.sale(till), foreign.sale(till))
    batches.post_waiting(limit=1, at=now)
    theirs = Payment.objects.get(card=foreign.card)

    told = {
        after: [own.payment for own in payments_of_customer(customer=mine.phone.owner, after=after)]
        for after in (theirs.reference, "PAY-NOTHING")
    }

    assert (
        told[theirs.reference]
        == told["PAY-NOTHING"]
        == list(Payment.objects.filter(card=mine.card))
    )
