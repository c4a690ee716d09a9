"""A reader cannot talk its shop out of a loss by claiming a list that was not made yet."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config.audit import SYSTEM
from issuers.services import blacklist
from settlement.models import Payment
from settlement.services import batches
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("claimed", [1, 2, 2**31 - 1])
def test_a_claim_newer_than_the_list_it_was_given_is_no_excuse(claimed):
    now = timezone.now()
    listed, fetched, tapped, lifted = (now - timedelta(minutes=n) for n in (40, 30, 20, 10))
    till = factory.till(now=now)
    held = factory.card_on_phone(at=now - timedelta(hours=1))
    issuer = held.card.issuer.reference
    blacklist.block_and_publish(card=held.card, reason="LOST", at=listed, actor=SYSTEM)
    blacklist.fetch(device=till.device, issuer=issuer, have=0, at=fetched)
    record = held.sale(till, at=tapped)
    blacklist.unblock_and_publish(card=held.card, at=lifted, actor=SYSTEM)

    till.upload(record, versions=[claimed])
    batches.post_waiting(limit=1, at=now)

    payment = Payment.objects.get()
    assert (payment.bearer, payment.bearer_cause) == ("MERCHANT", "reader_held_entry")
