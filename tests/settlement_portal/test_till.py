"""The till's pages: the keypad, a sale's own page and its state, and whose they are."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from config import devices
from config.audit import SYSTEM
from config.roles import MATRIX, Right, Role
from merchants.models import VirtualTill
from settlement.models import Payment
from settlement.services import payments
from tests.factories.merchants import StoreFactory
from tests.factories.requests import terminal
from tests.settlement_portal.world import payer_of

KEY = "k" * 24


@pytest.fixture
def shop(world):
    return world.merchant


@pytest.fixture
def till(shop):
    return reverse("till", args=[shop.reference])


@pytest.fixture
def form(shop):
    store = shop.stores.get()
    return {"amount": "12,500", "order": "B-7", "store": store.reference, "key": KEY}


@pytest.fixture
def sale(cashier, till, form):
    """Return the T-ID of a sale that a cashier has charged."""
    return cashier.post(till, form).url.rsplit("/", 1)[1]


@pytest.fixture
def payer(world):
    return payer_of(world)


def claimed(payer, tid):
    return payments.claim(device=payer.phone, tid=tid, at=timezone.now())


def test_the_keypad_offers_the_currencys_digits(cashier, till):
    page = cashier.get(till).content.decode()

    assert 'data-digits="0"' in page
    assert 'data-key="00"' in page
    assert re.search(r'name="key" value="[\w-]{20,}"', page)


def test_a_charge_leads_to_the_sale_under_its_tid(cashier, till, form):
    answer = cashier.post(till, form)

    payment = Payment.objects.get()
    assert answer.status_code == 302
    assert answer.url == f"{till}/{payment.request.tid}"
    assert (payment.amount_minor, payment.order, payment.state) == (12_500, "B-7", "REQUESTED")


def test_a_form_sent_twice_is_one_sale(cashier, till, form):
    assert cashier.post(till, form).url == cashier.post(till, form).url
    assert Payment.objects.count() == 1


def test_a_form_used_for_another_amount_is_asked_again(cashier, till, form):
    cashier.post(till, form)

    page = cashier.post(till, form | {"amount": "1"}).content.decode()

    assert "charged another sale before" in page
    assert KEY not in page, "with a key of its own"
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("amount", ["0", "-5", "12.5", "x", "", "9" * 16])
def test_an_amount_that_is_none_is_refused(cashier, till, form, amount):
    answer = cashier.post(till, form | {"amount": amount})

    assert answer.status_code == 200
    assert "There is a problem" in answer.content.decode()
    assert not Payment.objects.exists()


@pytest.mark.parametrize("key", ["", "short", "k" * 65, "k" * 23 + "\N{BULLET}"])
def test_a_key_that_is_none_is_refused(cashier, till, form, key):
    assert cashier.post(till, form | {"key": key}).status_code == 200
    assert not Payment.objects.exists()


def test_waiting_shows_code_and_tid_in_fours(cashier, till, sale):
    page = cashier.get(f"{till}/{sale}").content.decode()

    assert "Waiting for the customer" in page
    assert "<path" in page
    assert f"<span>{sale[:4]}</span><span>{sale[4:8]}</span>" in page


def test_the_state_turns_with_the_sale(cashier, till, sale, payer):
    def state():
        return cashier.get(f"{till}/{sale}/state").content.decode()

    assert "data-open" in state()
    request = claimed(payer, sale)
    assert "Opened by the customer" in state()
    payer.approves(request, at=timezone.now())

    paid = state()
    assert "PAID" in paid
    assert Payment.objects.get().approval_code in paid
    assert "data-open" not in paid


def test_a_decline_says_why(cashier, till, form, payer):
    tid = cashier.post(till, form | {"amount": "900,000,000"}).url.rsplit("/", 1)[1]
    payer.approves(claimed(payer, tid), at=timezone.now())

    page = cashier.get(f"{till}/{tid}").content.decode()

    assert "Declined" in page
    assert "The account does not have the amount." in page
    assert "New code for 900,000,000 KRW" in page


def test_what_nobody_paid_expires(cashier, till, sale):
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=False):
        assert "Expired" in cashier.get(f"{till}/{sale}/state").content.decode()


def test_cancelling_and_giving_away_lead_back_to_the_sale(cashier, till, sale, payer):
    claimed(payer, sale)
    assert cashier.post(f"{till}/{sale}/give-to-another").url == f"{till}/{sale}"
    assert Payment.objects.get().state == "REQUESTED"

    assert cashier.post(f"{till}/{sale}/cancel").url == f"{till}/{sale}"
    assert Payment.objects.get().state == "CANCELLED"
    after = cashier.post(f"{till}/{sale}/give-to-another", follow=True).content.decode()
    assert "It had ended before" in after


def test_a_revoked_till_is_opened_anew_by_who_sets_the_shop_up(
    cashier, owner, till, form, shop, sale
):
    devices.revoke(
        reference=VirtualTill.objects.get().device.reference, actor=SYSTEM, at=timezone.now()
    )
    fresh = form | {"key": "l" * 24}
    refused = cashier.post(till, fresh).content.decode()
    assert "taken out of service" in refused
    assert "Open a new till" not in refused
    assert "Open a new till" in owner.post(till, fresh).content.decode()

    assert cashier.post(f"{till}/reopen", form).status_code == 403
    owner.post(f"{till}/reopen", {"store": form["store"]})

    assert cashier.post(till, fresh).status_code == 302


def test_each_store_has_its_keypad(cashier, shop, till):
    second = StoreFactory(merchant=shop, name="Hongdae")

    page = cashier.get(till, {"store": second.reference}).content.decode()

    assert f'name="store" value="{second.reference}"' in page
    assert "Hongdae" in page


def test_a_shop_without_a_store_says_so(cashier, shop, till):
    shop.stores.update(closed_at=timezone.now())

    assert "No store is open" in cashier.get(till).content.decode()


@pytest.mark.parametrize("role", Role)
def test_only_who_takes_payments_opens_it(world, staff, role, till, sale):
    browser = staff(role, "SPO-1" if role == Role.SPONSOR else None)
    pages = (till, f"{till}/{sale}", f"{till}/{sale}/state")
    acts = (till, f"{till}/{sale}/cancel", f"{till}/{sale}/give-to-another")
    may = Right.TAKE_PAYMENTS in MATRIX[role]

    assert {browser.get(page).status_code for page in pages} == {200 if may else 403}
    codes = {browser.post(act, {}).status_code for act in acts}
    assert codes == ({200, 302} if may else {403})


@pytest.mark.parametrize(
    "role", [Role.MERCHANT_OWNER, Role.MERCHANT_MANAGER, Role.MERCHANT_CASHIER]
)
def test_another_shops_till_is_not_there(world, staff, role, till, sale, form):
    browser = staff(role, world.other_shop.merchant.reference)
    own = reverse("till", args=[world.other_shop.merchant.reference])
    for there in (till, own):
        for path in (f"{there}/{sale}", f"{there}/{sale}/state"):
            assert browser.get(path).status_code == 404
        for path in (f"{there}/{sale}/cancel", f"{there}/{sale}/give-to-another"):
            assert browser.post(path).status_code == 404
    assert browser.get(till).status_code == browser.post(till, form).status_code == 404
    assert browser.post(own, form).status_code == 404, "its store is not ours"
    assert Payment.objects.get().state == "REQUESTED"


def test_a_terminals_sale_is_not_the_tills(world, cashier, till):
    device = terminal(store=world.merchant.stores.get())
    sale = device.asks(at=timezone.now())

    assert cashier.get(f"{till}/{sale.tid}").status_code == 404
    assert cashier.post(f"{till}/{sale.tid}/cancel").status_code == 404


@pytest.mark.parametrize("tid", ["x", "T" * 23, "T" * 400, "%F0%9F%99%82"])
def test_an_odd_tid_is_not_found(cashier, till, tid):
    assert cashier.get(f"{till}/{tid}").status_code == 404


def test_it_takes_few_queries(cashier, till, form, sale, django_assert_max_num_queries):
    for number in range(8):
        cashier.post(till, form | {"key": f"{number}" * 24})
    with django_assert_max_num_queries(12):
        cashier.get(till)
    with django_assert_max_num_queries(13):
        cashier.get(f"{till}/{sale}")
    with django_assert_max_num_queries(9):
        cashier.get(f"{till}/{sale}/state")
