"""Tills of the portal's own: one T-ID a wish, claims taken back, sales cancelled."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from config import devices
from config.audit import SYSTEM
from config.models import Audit, Event
from config.refusals import NotFound
from merchants.models import Equipment, Merchant, TillNumber, VirtualTill
from merchants.services import tills as numbers
from merchants.services.equipment import MerchantSuspended
from merchants.services.tills import TillOutOfService, Wish
from merchants.wire import tid as tids
from settlement.models import Payment
from settlement.services import tills
from settlement.services.payments import refusals
from tests.factories import requests as made
from tests.factories.merchants import StoreFactory

pytestmark = pytest.mark.django_db

WISH = Wish("k" * 24, 12_500, "KRW", "B-7")


@pytest.fixture
def store():
    return StoreFactory()


@pytest.fixture
def shop(store):
    return store.merchant


@pytest.fixture
def charge(shop, store, noon):
    """Return a function that charges at the store's till."""

    def act(wish=WISH, *, at=noon):
        return tills.ring_up(merchant=shop, store=store.reference, wish=wish, actor=SYSTEM, at=at)

    return act


@pytest.fixture
def payer():
    return made.payer()


def test_a_sale_is_a_request_of_the_stores_own_terminal(shop, store, charge):
    sale = charge()

    payment = Payment.objects.get()
    till = VirtualTill.objects.get()
    number = Equipment.objects.get(device=till.device).number
    assert (payment.device, payment.store, payment.state) == (till.device, store, "REQUESTED")
    assert (tids.parse(sale.tid).number, tids.parse(sale.tid).counter) == (number, till.counter)
    assert sale.order == "B-7"


def test_the_same_wish_is_the_same_sale(charge):
    first, again = charge(), charge()

    assert first == again
    assert Payment.objects.count() == 1
    assert VirtualTill.objects.get().counter == 1


def test_another_key_is_another_sale(charge):
    first, second = charge(), charge(WISH._replace(key="l" * 24))

    assert first.tid != second.tid
    assert list(TillNumber.objects.order_by("id").values_list("counter", flat=True)) == [1, 2]


def test_a_key_for_another_amount_is_refused(charge):
    charge()

    with pytest.raises(refusals.TidReused):
        charge(WISH._replace(amount_minor=1))


def test_a_number_stays_taken_whose_request_was_lost(shop, store, charge, noon):
    made_before = numbers.number(
        merchant=shop, store=store.reference, wish=WISH, actor=SYSTEM, at=noon
    )
    assert Payment.objects.count() == 0

    assert charge().tid == made_before.tid


def test_each_store_has_its_till(shop, charge, noon):
    other = StoreFactory(merchant=shop)
    charge()
    tills.ring_up(merchant=shop, store=other.reference, wish=WISH, actor=SYSTEM, at=noon)

    assert VirtualTill.objects.count() == 2
    assert Equipment.objects.filter(store=other).count() == 1


def test_another_merchants_store_is_not_found(shop, noon):
    foreign = StoreFactory()

    with pytest.raises(NotFound):
        tills.ring_up(merchant=shop, store=foreign.reference, wish=WISH, actor=SYSTEM, at=noon)


def test_a_suspended_merchant_charges_nothing(shop, charge):
    charge()
    Merchant.objects.filter(pk=shop.pk).update(state="SUSPENDED")

    with pytest.raises(MerchantSuspended):
        charge(WISH._replace(key="l" * 24))


def test_a_revoked_till_charges_nothing_until_a_new_one_is_open(shop, store, charge, noon):
    charge()
    revoked = VirtualTill.objects.get().device
    devices.revoke(reference=revoked.reference, actor=SYSTEM, at=noon)
    wish = WISH._replace(key="l" * 24)
    with pytest.raises(TillOutOfService):
        charge(wish)

    numbers.reopen(merchant=shop, store=store.reference, actor=SYSTEM, at=noon)

    assert charge(wish).shop.device != revoked.reference


def test_a_till_in_service_is_not_replaced(shop, store, charge, noon):
    charge()
    numbers.reopen(merchant=shop, store=store.reference, actor=SYSTEM, at=noon)

    assert VirtualTill.objects.count() == 1


class TestActs:
    def test_only_the_own_merchant_sees_it(self, shop, charge, noon):
        sale = charge()

        assert tills.seen(merchant=shop, tid=sale.tid, at=noon).tid == sale.tid
        with pytest.raises(NotFound):
            tills.seen(merchant=StoreFactory().merchant, tid=sale.tid, at=noon)

    def test_a_terminals_own_sale_is_not_the_tills(self, noon):
        terminal = made.terminal()
        sale = terminal.asks(at=noon)

        with pytest.raises(NotFound):
            tills.seen(merchant=terminal.place.merchant, tid=sale.tid, at=noon)

    def test_it_ends_by_itself(self, shop, charge, noon):
        sale = charge()

        later = noon + timedelta(minutes=5)
        assert tills.seen(merchant=shop, tid=sale.tid, at=later).state == "EXPIRED"

    def test_it_is_cancelled_in_somebodys_name(self, shop, charge, noon):
        sale = charge()

        after = tills.cancel(merchant=shop, tid=sale.tid, actor=SYSTEM, at=noon)

        assert after.state == "CANCELLED"
        assert Audit.objects.get(action="till.cancel").subject == sale.reference

    def test_what_was_paid_first_is_reversed(self, shop, charge, payer, noon):
        sale = charge()
        before = payer.account.balance_minor
        payer.pays(sale, at=noon)

        after = tills.cancel(merchant=shop, tid=sale.tid, actor=SYSTEM, at=noon)

        assert after.state == "REVERSED"
        assert payer.account.balance_minor == before

    def test_what_was_paid_is_not_given_back_by_it_later(self, shop, charge, payer, noon):
        sale = charge()
        payer.pays(sale, at=noon)
        end = noon + timedelta(minutes=5)

        with pytest.raises(tills.SalePaid):
            tills.cancel(merchant=shop, tid=sale.tid, actor=SYSTEM, at=end)

        assert Payment.objects.get().state == "APPROVED"
        last = end - timedelta(seconds=1)
        after = tills.cancel(merchant=shop, tid=sale.tid, actor=SYSTEM, at=last)
        assert after.state == "REVERSED"

    def test_a_claim_is_taken_back_for_another_phone(self, shop, charge, payer, noon):
        sale = charge()
        payer.claims(sale, at=noon)

        after = tills.give_to_another(merchant=shop, tid=sale.tid, at=noon)

        assert (after.state, after.claimed_by) == ("REQUESTED", None)
        assert Event.objects.filter(type="payment.released").count() == 1
        with pytest.raises(refusals.TidNotClaimed):
            payer.approves(sale, at=noon)
        assert made.payer().pays(sale, at=noon).state == "APPROVED"

    def test_what_nobody_holds_is_left_as_it_is(self, shop, charge, noon):
        sale = charge()

        assert tills.give_to_another(merchant=shop, tid=sale.tid, at=noon).state == "REQUESTED"
        assert not Event.objects.filter(type="payment.released").exists()

    def test_what_has_ended_is_not_given_away(self, shop, charge, payer, noon):
        sale = charge()
        payer.pays(sale, at=noon)

        with pytest.raises(refusals.PaymentFinal):
            tills.give_to_another(merchant=shop, tid=sale.tid, at=noon)


@pytest.mark.django_db(transaction=True)
def test_ten_clicks_at_once_are_one_sale(shop, charge):
    found, barrier = [], threading.Barrier(10)

    def click():
        try:
            barrier.wait(10)
            found.append(charge().tid)
        finally:
            connection.close()

    clicks = [threading.Thread(target=click) for _ in range(10)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join(30)

    assert len(found) == 10
    assert len(set(found)) == Payment.objects.count() == 1


def test_control_without_the_lock_two_numbers_collide(shop, store, charge, noon):
    """The database refuses the counter that a till without its lock would use twice."""
    charge()
    till = VirtualTill.objects.get()
    with pytest.raises(Exception, match="tillnumber_counter_once"), transaction.atomic():
        TillNumber.objects.create(
            till=till, key="m" * 24, counter=till.counter, tid="T" * 23, made_at=noon
        )
