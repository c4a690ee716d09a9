"""A void takes one sale back, whole: net zero for everybody."""

import pytest

from config.models import Event
from issuers.models import Account
from settlement.models import MerchantDay, Payment, Transfer
from settlement.services import batches, ledger
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db


def post(now):
    batches.post_waiting(limit=20, at=now)


def states():
    return list(Payment.objects.order_by("id").values_list("state", flat=True))


@pytest.mark.parametrize("together", [True, False])
def test_a_void_reverses_its_sale(till, card, noon, together):
    sale, void = card.sale(till, 3000), card.void(till, 3000, 1)
    if together:
        till.upload(sale, void)
        post(noon)
    else:
        till.upload(sale)
        post(noon)
        till.upload(void)
        post(noon)

    assert states() == ["REVERSED"]
    assert Account.objects.get(pk=card.card.account_id).balance_minor == 1_000_000
    day = MerchantDay.objects.get()
    assert (day.sales_minor, day.reversals_minor) == (3000, 3000)
    types = list(Event.objects.filter(type__startswith="payment").values_list("type", flat=True))
    assert types == ["payment.approved", "payment.reversed"]
    assert set(Transfer.objects.exclude(code="OPENING").values_list("code", "payment")) == {
        ("OFFLINE_SALE", Payment.objects.get().pk),
        ("OFFLINE_VOID", Payment.objects.get().pk),
    }
    assert ledger.check() == []


def test_a_void_of_an_unknown_sale_is_rejected(till, card, noon):
    till.upload(card.void(till, 3000, 7))

    post(noon)

    assert till.result() == [("REJECTED", "sale_unknown")]


def test_a_void_of_another_amount_is_rejected(till, card, noon):
    till.upload(card.sale(till, 3000), card.void(till, 2000, 1))

    post(noon)

    assert till.result() == [("POSTED", ""), ("REJECTED", "sale_unknown")]
    assert states() == ["APPROVED"]


def test_a_void_at_another_reader_is_rejected(till, card, noon):
    till.upload(card.sale(till, 3000))
    other = factory.till(now=noon)
    other.upload(card.void(other, 3000, 1))

    post(noon)

    assert other.result() == [("REJECTED", "sale_unknown")]


@pytest.mark.parametrize("together", [True, False])
def test_a_sale_is_voided_once(till, card, noon, together):
    till.upload(card.sale(till, 3000), card.void(till, 3000, 1))
    if not together:
        post(noon)
    till.upload(card.void(till, 3000, 1))

    post(noon)

    assert till.result() == [("REJECTED", "sale_voided")]
    assert ledger.check() == []


def test_the_same_void_again_harms_nobody(till, card, noon):
    sale, void = card.sale(till, 3000), card.void(till, 3000, 1)
    till.upload(sale, void)
    till.upload(void)

    post(noon)

    assert till.result() == [("POSTED", "already_posted")]


def test_a_void_gives_no_offline_use_back(till, card, noon):
    before = Account.objects.get(pk=card.card.account_id).offline_reserve_minor
    till.upload(card.sale(till, 3000), card.void(till, 3000, 1))

    post(noon)

    after = Account.objects.get(pk=card.card.account_id)
    assert after.offline_reserve_minor == before - 3000
