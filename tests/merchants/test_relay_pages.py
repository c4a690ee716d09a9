"""The relays' page: who works with which, what waits there, and whose it is."""

import hashlib
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from config.models import Audit, Device
from config.roles import MATRIX, Right, Role
from merchants.models import RelayPairing
from merchants.services import tills
from merchants.services.tills import Wish
from settlement.services import payments
from tests.factories.config import member, signed_in
from tests.factories.merchants import SYSTEM, StoreFactory, enrolled
from tests.factories.requests import terminal

pytestmark = pytest.mark.django_db

SHOP_ROLES = [role for role in Role if role.value.startswith("MERCHANT")]


@pytest.fixture
def store():
    return StoreFactory()


@pytest.fixture
def merchant(store):
    return store.merchant


@pytest.fixture
def relay(store):
    return enrolled(kind="RELAY", store=store)[0]


@pytest.fixture
def till(store):
    return terminal(store=store)


@pytest.fixture
def owner(merchant):
    return signed_in(member(Role.MERCHANT_OWNER, tenant=merchant.reference))


@pytest.fixture
def act(merchant, relay, till):
    """Return a function that pairs or parts relay and terminal in a browser."""

    def post(browser, name, **changes):
        told = {"merchant": merchant.reference, "device": relay.reference}
        terminal_id = changes.pop("terminal", till.device.reference)
        url = reverse(f"relay-{name}", kwargs=told | changes)
        return browser.post(url, {"terminal": terminal_id}, follow=True)

    return post


def page(browser, merchant):
    return browser.get(reverse("relay-list", args=[merchant.reference])).text


def test_a_terminal_is_paired_and_parted(owner, act, relay, till):
    assert "may leave bills at" in act(owner, "pair").text
    pairing = RelayPairing.objects.get()
    assert (pairing.relay, pairing.terminal, pairing.ended_at) == (relay, till.device, None)

    assert "are parted" in act(owner, "part").text
    pairing.refresh_from_db()
    assert pairing.ended_at is not None
    assert list(Audit.objects.order_by("id").values_list("action", flat=True)) == [
        "relay.pair",
        "relay.part",
    ]


def test_twice_changes_nothing(owner, act):
    act(owner, "pair")
    act(owner, "pair")
    assert RelayPairing.objects.count() == 1
    act(owner, "part")
    assert "They were not paired any more." in act(owner, "part").text


def test_bills_that_wait_are_shown_by_their_terminal(owner, act, merchant, relay, till):
    act(owner, "pair")
    at = timezone.now()
    asked = till.asked(15_900, order="Table 4")
    digest = hashlib.sha256(b"bill").digest()
    payments.request(device=till.device, asked=asked._replace(bill_digest=digest), at=at)
    till.asks(500, at=at)

    shown = page(owner, merchant)

    assert "Table 4" in shown
    assert "15,900 <small>KRW</small>" in shown
    assert "500 <small>KRW</small>" not in shown.replace("15,900 <small>KRW</small>", "")
    payments.cancel(device=till.device, tid=asked.tid, at=at)
    assert "Table 4" not in page(owner, merchant)


def test_its_heartbeat_is_told(owner, merchant, relay):
    assert "Never seen" in page(owner, merchant)
    for ago, word in ((5, "Working"), (60, "Silent")):
        Device.objects.filter(pk=relay.pk).update(seen_at=timezone.now() - timedelta(seconds=ago))
        assert word in page(owner, merchant)


def test_a_till_of_the_portal_leaves_no_bills(owner, act, merchant, store, relay):
    wish = Wish("k" * 24, 100, "KRW", "")
    made = tills.number(
        merchant=merchant, store=store.reference, wish=wish, actor=SYSTEM, at=timezone.now()
    )

    assert made.device.reference not in page(owner, merchant)
    assert act(owner, "pair", terminal=made.device.reference).status_code == 404


@pytest.mark.parametrize("role", Role)
def test_only_who_sets_the_shop_up_pairs(role, merchant, relay, act):
    kind = role.value.split("_")[0]
    tenant = {"MERCHANT": merchant.reference, "ISSUER": "ISS-1", "SPONSOR": "SPO-1"}.get(kind, "")
    browser = signed_in(member(role, tenant=tenant if role != Role.SPONSOR else "SPO-1"))
    may = Right.EDIT_SHOP in MATRIX[role]

    listed = browser.get(reverse("relay-list", args=[merchant.reference]))

    assert listed.status_code == (200 if may else 403)
    assert act(browser, "pair").status_code == (200 if may else 403)
    assert RelayPairing.objects.exists() is may


@pytest.mark.parametrize("role", SHOP_ROLES)
def test_another_shops_devices_are_not_there(role, act, merchant, relay, till):
    other = StoreFactory()
    theirs = terminal(store=other).device.reference
    browser = signed_in(member(role, tenant=other.merchant.reference))
    wrong = {403, 404}

    assert act(browser, "pair").status_code in wrong
    assert act(browser, "pair", merchant=other.merchant.reference).status_code in wrong
    own = signed_in(member(Role.MERCHANT_OWNER, tenant=merchant.reference))
    assert act(own, "pair", terminal=theirs).status_code == 404
    assert act(own, "pair", device=till.device.reference).status_code == 404
    assert not RelayPairing.objects.exists()


def test_it_takes_a_fixed_number_of_queries(
    owner, merchant, store, act, relay, django_assert_max_num_queries
):
    for _ in range(4):
        enrolled(kind="RELAY", store=store)
        act(owner, "pair", terminal=terminal(store=store).device.reference)

    with django_assert_max_num_queries(13):
        page(owner, merchant)
