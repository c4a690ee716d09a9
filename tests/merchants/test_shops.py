"""Merchants, stores, keys and what enrolment gives a shop's devices."""

import pytest
from django.utils import timezone

from config import keys
from config.audit import SYSTEM
from config.models import Audit
from config.models.keys import PLATFORM
from config.money import UnknownCurrency
from config.wire.client import PortalRefused
from merchants.models import Equipment, Merchant
from merchants.services import api_keys, equipment, merchants, onboarding
from merchants.services.merchants import StoreNameTaken, TimeZoneUnknown
from merchants.wire import ReaderCertificate
from tests.clients import http, session_of
from tests.factories.merchants import MerchantFactory, StoreFactory, enrolled

pytestmark = pytest.mark.django_db


def told(**extra):
    return {"actor": SYSTEM, "at": timezone.now()} | extra


class TestOnboarding:
    def test_makes_a_merchant_that_can_begin(self):
        made = onboarding.add(name="Books", currency="KRW", time_zone="Asia/Seoul", **told())

        assert made.store.merchant == made.merchant
        assert api_keys.look_up(token=made.api_key).merchant_reference == made.merchant.reference
        assert Audit.objects.filter(action="merchant.add").count() == 1

    @pytest.mark.parametrize(
        ("currency", "zone", "refusal"),
        [("XXQ", "Asia/Seoul", UnknownCurrency), ("KRW", "Asia/Atlantis", TimeZoneUnknown)],
    )
    def test_what_is_wrong_leaves_nothing_behind(self, currency, zone, refusal):
        with pytest.raises(refusal):
            onboarding.add(name="Books", currency=currency, time_zone=zone, **told())

        assert not Merchant.objects.exists()
        assert not Audit.objects.exists()


class TestStores:
    def test_two_of_one_name_are_refused(self):
        store = StoreFactory(name="Main")

        with pytest.raises(StoreNameTaken):
            merchants.add_store(merchant=store.merchant, name="Main", **told())


class TestApiKeys:
    def test_is_kept_as_a_hash(self):
        token = api_keys.make(merchant=MerchantFactory(), name="till", **told())

        key = api_keys.look_up(token=token)

        assert key is not None
        assert token not in str(Audit.objects.get().__dict__)

    def test_a_revoked_or_suspended_one_is_nobodys(self):
        merchant = MerchantFactory()
        token = api_keys.make(merchant=merchant, name="till", **told())
        merchants.suspend(merchant=merchant, reason="fraud", **told())
        assert api_keys.look_up(token=token) is None
        merchants.resume(merchant=merchant, **told())

        api_keys.revoke(key=merchant.api_keys.get(), **told())

        assert api_keys.look_up(token=token) is None


class TestEnrolled:
    def test_a_reader_gets_number_secret_and_a_certificate_of_the_platform(self):
        device, _ = enrolled(kind="READER")
        row = Equipment.objects.get(device=device)
        public = bytes(keys.current(holder=PLATFORM, at=timezone.now()).public_key)

        certificate = ReaderCertificate.open(bytes(row.certificate), public_key=public)

        assert certificate.device == device.reference
        assert certificate.merchant == row.merchant.reference
        assert 0 <= row.number < 2**30
        assert len(equipment.secret_of(equipment=row)) == 32

    def test_the_secret_is_not_stored_in_clear(self):
        device, _ = enrolled(kind="TERMINAL")
        row = Equipment.objects.get(device=device)

        assert equipment.secret_of(equipment=row) not in bytes(row.secret)

    def test_a_relay_gets_neither(self):
        device, _ = enrolled(kind="RELAY")
        row = Equipment.objects.get(device=device)

        assert (row.number, row.secret, row.certificate) == (None, None, None)

    def test_the_next_request_after_a_suspension_is_refused(self):
        device, key = enrolled()
        session = session_of(key=key, device=device)
        session.get("/device/config")
        merchant = Merchant.objects.get(reference=device.owner)
        merchants.suspend(merchant=merchant, reason="fraud", **told())

        with pytest.raises(PortalRefused) as refused:
            session.get("/device/config")

        assert refused.value.code == "merchant_suspended"


class TestBlacklistFetch:
    def test_a_phone_is_of_the_wrong_kind(self):
        from tests.factories.wallets import enrolled_phone

        device, key = enrolled_phone()

        with pytest.raises(PortalRefused) as refused:
            session_of(key=key, device=device).get("/reader/blacklists/ISS-1?have=0")

        assert refused.value.code == "wrong_kind"

    def test_nothing_ever_listed_is_204(self):
        from tests.factories import issuers

        device, key = enrolled()
        issuer = issuers.issuer()

        answer = session_of(key=key, device=device).get(
            f"/reader/blacklists/{issuer.reference}?have=0"
        )

        assert answer.status == 204

    def test_an_unknown_issuer_is_not_found_and_no_one_gets_it_unsigned(self):
        device, key = enrolled()

        with pytest.raises(PortalRefused) as refused:
            session_of(key=key, device=device).get("/reader/blacklists/ISS-0?have=0")

        assert refused.value.code == "not_found"
        bare = http().get("http://127.0.0.1:8000/api/v1/reader/blacklists/ISS-0?have=0")
        assert bare.status_code == 401
