"""Batches become payments, once: acceptance 1.06 to 1.10 at the service."""

import pytest

from config.models import Event
from config.wire.keys import SigningKey
from issuers.models import Account
from settlement.models import MerchantDay, Payment, Transfer
from settlement.services import batches, ledger
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db


def post(now):
    return batches.post_waiting(limit=20, at=now)


def position(card):
    return Account.objects.get(pk=card.card.account_id).balance_minor


def test_1_06_the_balance_moves_only_when_the_batch_posts(till, card, noon):
    till.upload(card.sale(till, 3000))
    before = position(card)

    post(noon)

    assert (before, position(card)) == (1_000_000, 997_000)
    assert ledger.check() == []


def test_1_07_a_batch_of_n_posts_n_records_and_one_merchant_total(till, card, noon):
    till.upload(*[card.sale(till, 1000 + n) for n in range(5)])

    assert post(noon) == 1

    assert till.result() == [("POSTED", "")] * 5
    day = MerchantDay.objects.get()
    assert (day.merchant, day.sales, day.sales_minor) == (till.merchant, 5, 5010)
    assert Payment.objects.count() == Transfer.objects.filter(code="OFFLINE_SALE").count() == 5
    assert list(Event.objects.order_by("id").values_list("type", flat=True)) == [
        *["payment.approved"] * 5,
        "batch.posted",
    ]
    assert ledger.check() == []


def test_1_09_one_forged_record_is_rejected_alone(till, card, noon):
    good, forged = card.sale(till), card.sale(till)
    card.atc += 1
    forged = card.sign(till, 1000, key=SigningKey.generate())
    till.upload(good, forged, card.sale(till, atc=2))

    post(noon)

    assert till.result() == [("POSTED", ""), ("REJECTED", "record_signature"), ("POSTED", "")]
    assert ledger.check() == []
