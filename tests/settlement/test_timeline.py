"""The timeline of a payment tells all that happened to it, in order."""

from datetime import timedelta

import pytest

from settlement.models import Payment
from settlement.selectors.timeline import timeline_of
from settlement.services import batches
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db


def told(payment):
    return [entry.kind for entry in timeline_of(payment=payment)]


def post(now):
    batches.post_waiting(limit=20, at=now)


def test_a_sale_was_tapped_arrived_moved_and_happened(till, card, noon):
    till.upload(card.sale(till, at=noon - timedelta(hours=1)), at=noon)

    post(noon + timedelta(seconds=2))

    assert told(Payment.objects.get()) == ["tapped", "arrived", "moved", "happened"]


def test_a_void_and_a_clone_join_in(till, card, noon):
    till.upload(card.sale(till, 700), at=noon)
    post(noon + timedelta(seconds=1))
    other = factory.till(now=noon + timedelta(minutes=1))
    other.upload(card.sale(other, 900, atc=1))
    post(noon + timedelta(minutes=2))
    till.now = noon + timedelta(minutes=3)
    till.upload(card.void(till, 700, 1))
    post(noon + timedelta(minutes=4))

    assert told(Payment.objects.get()) == [
        *["tapped", "arrived", "moved", "happened"],
        *["tapped", "arrived", "disputed"],
        *["tapped", "arrived", "moved", "happened"],
    ]


def test_what_had_to_be_explained_is_told(till, card, noon):
    card.atc = 5
    till.upload(card.sale(till), at=noon)

    post(noon + timedelta(seconds=1))

    assert told(Payment.objects.get())[-1] == "excepted"
