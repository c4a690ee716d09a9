"""Pages that set a shop up, as staff use them."""

import pytest
from django.urls import reverse
from django.utils import timezone

from config.audit import SYSTEM
from config.models import Audit, EnrolmentCode
from config.roles import Role
from merchants.models import ApiKey, Equipment, Merchant, Store
from merchants.services import api_keys
from tests.factories.config import member, signed_in
from tests.factories.merchants import StoreFactory, enrolled

pytestmark = pytest.mark.django_db


@pytest.fixture
def store():
    return StoreFactory()


@pytest.fixture
def merchant(store):
    return store.merchant


@pytest.fixture
def owner(merchant):
    return signed_in(member(Role.MERCHANT_OWNER, tenant=merchant.reference))


@pytest.fixture
def admin():
    return signed_in(member(Role.PLATFORM_ADMIN, tenant=""))


LISTS = [
    "store-list",
    "equipment-list",
    "key-list",
    "merchant-edit",
    "store-add",
    "equipment-enrol",
    "agreement-list",
    "relay-list",
]


class TestWhoSeesWhat:
    @pytest.mark.parametrize("name", LISTS)
    def test_own_shop_opens(self, owner, merchant, name):
        assert owner.get(reverse(name, args=[merchant.reference])).status_code == 200

    @pytest.mark.parametrize("name", LISTS)
    def test_another_shop_is_not_there(self, owner, name):
        other = StoreFactory().merchant

        assert owner.get(reverse(name, args=[other.reference])).status_code == 404

    @pytest.mark.parametrize("name", LISTS)
    def test_a_cashier_may_not(self, merchant, name):
        cashier = signed_in(member(Role.MERCHANT_CASHIER, tenant=merchant.reference))

        assert cashier.get(reverse(name, args=[merchant.reference])).status_code == 403

    def test_only_the_platform_lists_merchants(self, owner, admin, merchant):
        assert owner.get(reverse("merchant-list")).status_code == 403
        assert merchant.name in admin.get(reverse("merchant-list")).text


class TestActs:
    def test_the_platform_adds_a_merchant_and_sees_its_key_once(self, admin):
        told = {"name": "Corner Books", "currency": "KRW", "time_zone": "Asia/Seoul"}

        page = admin.post(reverse("merchant-add"), told).text

        key = ApiKey.objects.get(merchant__name="Corner Books")
        assert key.prefix in page
        listed = admin.get(reverse("key-list", args=[key.merchant.reference])).text
        assert "pdk_" in listed
        assert page.split('data-copy="')[1].split('"')[0] not in listed

    def test_a_merchant_is_suspended_and_goes_on(self, admin, merchant):
        admin.post(reverse("merchant-suspend", args=[merchant.reference]), {"reason": "fraud"})
        assert Merchant.objects.get(pk=merchant.pk).state == "SUSPENDED"

        admin.post(reverse("merchant-resume", args=[merchant.reference]))

        assert Merchant.objects.get(pk=merchant.pk).state == "ACTIVE"
        assert Audit.objects.filter(action="merchant.suspend", reason="fraud").exists()

    def test_settings_are_kept(self, owner, merchant):
        told = {"name": "Mapo", "mcc": "5411", "time_zone": "UTC", "blacklist_max_age_h": "12"}
        told["time_zone"] = "Asia/Tokyo"

        owner.post(reverse("merchant-edit", args=[merchant.reference]), told)

        merchant.refresh_from_db()
        assert (merchant.name, merchant.time_zone) == ("Mapo", "Asia/Tokyo")
        assert merchant.blacklist_max_age_s == 12 * 3600

    def test_a_store_of_a_taken_name_is_refused_above_the_form(self, owner, merchant, store):
        page = owner.post(reverse("store-add", args=[merchant.reference]), {"name": store.name})

        assert "There is a problem" in page.text
        assert Store.objects.filter(merchant=merchant).count() == 1

    def test_an_enrolment_code_is_shown_once(self, owner, merchant, store):
        told = {"kind": "READER", "store": store.reference}

        page = owner.post(reverse("equipment-enrol", args=[merchant.reference]), told)

        assert page.status_code == 200
        assert EnrolmentCode.objects.get().owner == merchant.reference

    def test_a_device_is_moved_and_limited(self, owner, merchant, store):
        device, _ = enrolled(store=store)
        told = {
            "name": "Counter 2",
            "store": store.reference,
            "capacity": "100",
            "floor": "30,000",
            "max_unsent": "₩1,000,000",
        }

        owner.post(reverse("equipment-edit", args=[merchant.reference, device.reference]), told)

        item = Equipment.objects.get(device=device)
        assert (item.capacity, item.floor_minor, item.max_unsent_minor) == (100, 30_000, 1_000_000)

    def test_decimals_of_won_are_refused(self, owner, merchant, store):
        device, _ = enrolled(store=store)
        told = {"name": "x", "store": store.reference, "capacity": "1", "floor": "0.5"}
        told["max_unsent"] = "1"

        page = owner.post(
            reverse("equipment-edit", args=[merchant.reference, device.reference]), told
        )

        assert "KRW has 0 decimals" in page.text

    def test_a_revoked_device_is_refused_for_good(self, owner, merchant, store):
        device, _ = enrolled(store=store)

        owner.post(reverse("equipment-revoke", args=[merchant.reference, device.reference]))

        device.refresh_from_db()
        assert device.state == "REVOKED"

    def test_a_key_is_revoked(self, owner, merchant):
        token = api_keys.make(merchant=merchant, name="till", actor=SYSTEM, at=timezone.now())

        owner.post(reverse("key-revoke", args=[merchant.reference, merchant.api_keys.get().pk]))

        assert api_keys.look_up(token=token) is None


def test_lists_take_a_fixed_number_of_queries(
    owner, merchant, store, django_assert_max_num_queries
):
    for _ in range(3):
        enrolled(store=store)

    with django_assert_max_num_queries(14):
        owner.get(reverse("equipment-list", args=[merchant.reference]))
