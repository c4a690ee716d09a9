"""A customer's code at the portal's own till: once per form, however often and however fast."""

import pytest
from django.db import connection

from benefits.models import WrongNumber
from config import devices, idempotency
from config.audit import SYSTEM
from config.idempotency import IdempotencyMismatch
from config.models import Audit, IdempotencyRecord
from config.refusals import NotFound
from merchants.models import Merchant, VirtualTill
from merchants.services.equipment import MerchantSuspended
from merchants.services.tills import TillOutOfService, Wish
from settlement.models import Checkout
from settlement.services import till_codes
from tests.factories import benefits as held
from tests.factories import checkouts as made
from tests.factories.merchants import StoreFactory
from tests.factories.requests import payer
from tests.settlement.test_checkout_races import run
from wallets.models import Phone

pytestmark = pytest.mark.django_db

WISH = Wish("k" * 24, 10_000, "KRW", "B-7")
OTHER = WISH._replace(key="m" * 24)
CLICKS = 10


@pytest.fixture
def store():
    return StoreFactory()


@pytest.fixture
def shop(store):
    return store.merchant


@pytest.fixture
def plan(noon):
    shopper = payer()
    customer = Phone.objects.get(device=shopper.phone).customer
    return held.plan_of(shopper.phone, held.held(customer), at=noon)


@pytest.fixture
def take(shop, store, noon):
    """Return a function that takes a code at the store's till."""

    def act(code, wish=WISH, *, at=noon):
        words = {"merchant": shop, "store": store.reference, "actor": SYSTEM, "at": at}
        return till_codes.take(wish=wish, code=code, **words)

    return act


def acts(shop, noon, reference):
    words = {"merchant": shop, "reference": reference, "at": noon}
    return [
        lambda: till_codes.seen(**words),
        lambda: till_codes.confirm(tender="CASH", actor=SYSTEM, **words),
        lambda: till_codes.abandon(actor=SYSTEM, **words),
        lambda: till_codes.cancel(actor=SYSTEM, **words),
    ]


def test_a_purchase_is_a_checkout_of_the_stores_own_terminal(store, take, plan):
    taken = take(plan.tsn)

    found = Checkout.objects.get()
    assert (found.reference, found.state) == (taken.checkout, "QUOTED")
    assert (found.device, found.store) == (VirtualTill.objects.get().device, store)
    assert Audit.objects.get(action="till.take_code").subject == taken.checkout


def test_the_same_form_hears_the_same_and_another_code_is_refused(take, plan):
    assert take(plan.tsn) == take(plan.tsn)
    with pytest.raises(IdempotencyMismatch):
        take(plan.tsn, WISH._replace(amount_minor=1))
    assert Checkout.objects.count() == 1


def test_a_wrong_code_counts_and_stays_counted(take):
    told = [take("9000000000000001") for _ in range(2)]

    assert {each.refusal for each in told} == {"tsn_unknown"}
    assert WrongNumber.objects.count() == 1


def test_a_lock_is_told_with_its_end_and_is_not_remembered(take, noon):
    for number in range(10):
        take("9000000000000001", WISH._replace(key=f"{number}" * 24))
    assert (take("9000000000000001").refusal, take("9000000000000001").wait_s) == (
        "lookup_locked",
        1_800,
    )
    assert IdempotencyRecord.objects.count() == 10


def test_no_record_holds_the_code_in_clear(take, plan):
    take(plan.tsn)

    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM config_idempotencyrecord t")
        kept = str(cursor.fetchall())
    assert plan.tsn not in kept
    assert plan.tsn.encode().hex() not in kept


def test_a_suspended_shop_and_a_revoked_till_finish_nothing(shop, take, plan, noon):
    taken = take(plan.tsn)
    confirm = acts(shop, noon, taken.checkout)[1]
    Merchant.objects.update(state=Merchant.State.SUSPENDED)
    with pytest.raises(MerchantSuspended):
        confirm()
    Merchant.objects.update(state=Merchant.State.ACTIVE)
    till = VirtualTill.objects.get().device
    devices.revoke(reference=till.reference, actor=SYSTEM, at=noon)
    with pytest.raises(TillOutOfService):
        confirm()
    assert Checkout.objects.get().state == "QUOTED"


def test_other_shops_and_other_tills_have_no_such_purchase(shop, store, take, plan, noon):
    terminal = made.till(store=store)
    theirs = terminal.presents(plan.tsn, at=noon)
    for act in acts(shop, noon, theirs.reference):
        with pytest.raises(NotFound):
            act()
    for act in acts(StoreFactory().merchant, noon, theirs.reference):
        with pytest.raises(NotFound):
            act()


@pytest.mark.django_db(transaction=True)
def test_ten_clicks_at_once_are_one_purchase(take, plan):
    told = run([lambda: take(plan.tsn)] * CLICKS)

    assert {each.checkout for each in told} == {Checkout.objects.get().reference}


@pytest.mark.django_db(transaction=True)
def test_control_without_its_record_only_one_click_hears_of_the_purchase(take, plan, monkeypatch):
    monkeypatch.setattr(idempotency, "once", lambda *, act, **_words: act())

    told = run([lambda: take(plan.tsn)] * CLICKS)

    assert sorted(each.refusal for each in told) == ["", *["tsn_used"] * (CLICKS - 1)]
