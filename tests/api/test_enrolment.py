"""Enrolment (protocol §3): one code, one device, and no second chance for a guess."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from config import devices, enrolment
from config.audit import SYSTEM
from config.models import Audit, Device, EnrolmentCode
from config.refusals import NotFound
from config.wire import b64
from config.wire.keys import SigningKey
from config.wire.trust import TrustList
from merchants.models import Equipment
from merchants.wire import ReaderCertificate
from tests.api.caller import code_of, of_new_key
from tests.factories import issuers
from tests.factories.merchants import StoreFactory
from tests.factories.wallets import CustomerFactory
from wallets.models import Phone

pytestmark = pytest.mark.django_db

PATH = "/api/v1/enrolments"
KEYED = {"Idempotency-Key": "key-of-sixteen-characters"}


def new_code(kind="READER", owner=None, **options):
    if owner is None and kind == "PHONE":
        owner = CustomerFactory().reference
    owner = owner or StoreFactory().merchant.reference
    at = options.pop("at", None) or timezone.now()
    return enrolment.make_code(kind=kind, owner=owner, actor=SYSTEM, at=at, **options).code


def body_of(key, *, code, kind="READER", **more):
    told = {"code": code, "kind": kind, "name": "Till 1", "public_key": b64.encode(key.public)}
    if kind == "PHONE":
        told |= {"app_serial": "APP-1", "psn_key": b64.encode(bytes(32))}
    return told | more


def enrol(code, *, kind="READER", key=None, address="192.0.2.1", headers=None, **more):
    key = key or SigningKey.generate()
    caller = of_new_key(key, address=address)
    return caller.post(PATH, body_of(key, code=code, kind=kind, **more), headers=headers)


class TestACode:
    @pytest.mark.parametrize("kind", ["READER", "TERMINAL", "ATM", "RELAY", "PHONE"])
    def test_makes_its_key_a_device_of_its_kind(self, kind):
        key = SigningKey.generate()

        answer = enrol(new_code(kind), kind=kind, key=key)

        assert answer.status_code == 201, answer.content
        device = Device.objects.get(reference=answer.json()["device"])
        assert (device.kind, bytes(device.public_key)) == (kind, key.public)

    @pytest.mark.parametrize(
        ("kind", "also"),
        [
            ("READER", {"number", "secret", "certificate"}),
            ("TERMINAL", {"number", "secret", "certificate"}),
            ("ATM", {"number", "secret"}),
            ("RELAY", set()),
            ("PHONE", set()),
        ],
    )
    def test_answers_what_the_kind_is_told(self, kind, also):
        told = enrol(new_code(kind), kind=kind).json()

        every = {"device", "kind", "platform_key", "issuers", "rns", "fingerprint"}
        assert set(told) == every | also
        assert set(told["rns"]) == {"host", "port"}

    def test_brings_a_trust_list_and_a_certificate_that_it_verifies(self):
        issuer = issuers.issuer()
        told = enrol(new_code()).json()

        trusted = TrustList.of_enrolment(platform_key=told["platform_key"], issuers=told["issuers"])
        assert issuer.reference in trusted.holders
        certificate = ReaderCertificate.open(
            b64.decode(told["certificate"]), public_key=b64.decode(told["platform_key"])
        )
        assert certificate.device == told["device"]

    def test_is_read_as_people_type_it(self):
        code = new_code()
        typed = f"{code[:5].lower()}-{code[5:]}".replace("0", "o").replace("1", "l")

        assert enrol(typed).status_code == 201

    def test_stands_the_device_in_its_store(self):
        store = StoreFactory()
        other = StoreFactory(merchant=store.merchant)
        code = new_code(owner=store.merchant.reference, store=other.reference)

        told = enrol(code).json()

        assert Equipment.objects.get(device__reference=told["device"]).store == other

    def test_keeps_a_phone_s_psn_key_sealed(self):
        enrol(new_code("PHONE"), kind="PHONE", psn_key=b64.encode(b"k" * 32))

        assert b"kkkk" not in bytes(Phone.objects.get().psn_key)

    def test_is_kept_as_a_hash_and_audited_without_itself(self):
        code = new_code()

        assert code.encode() not in bytes(EnrolmentCode.objects.get().code_hash)
        assert not Audit.objects.filter(after__icontains=code).exists()
        assert Audit.objects.get().action == "enrolment_code.make"

    def test_is_not_made_for_an_owner_or_store_that_is_not_there(self):
        with pytest.raises(NotFound):
            new_code(owner="MER-0000000000")
        with pytest.raises(NotFound):
            new_code(store=StoreFactory().reference)


class TestAWrongCode:
    @pytest.mark.parametrize("code", ["0000000000", "", "short", "ÄÖÜ", "U" * 10, "0" * 64])
    def test_is_invalid(self, code):
        answer = enrol(code)

        assert (answer.status_code, answer.json()["code"]) in {
            (422, "enrolment_code_invalid"),
            (422, "invalid"),
        }
        assert not Device.objects.exists()

    def test_is_one_that_was_used(self):
        code = new_code()
        enrol(code)

        assert code_of(enrol(code)) == "enrolment_code_invalid"
        assert Device.objects.count() == 1

    def test_is_one_of_fifteen_minutes_ago(self):
        at = timezone.now()
        code = new_code(at=at)

        with time_machine.travel(at + timedelta(minutes=15), tick=False):
            assert code_of(enrol(code)) == "enrolment_code_invalid"
        with time_machine.travel(at + timedelta(minutes=15, milliseconds=-1), tick=False):
            assert enrol(code).status_code == 201

    def test_is_one_of_another_kind_five_times_and_then_for_good(self):
        code = new_code("READER")

        for _ in range(5):
            assert code_of(enrol(code, kind="RELAY")) == "enrolment_code_invalid"

        assert code_of(enrol(code)) == "enrolment_code_invalid"

    def test_leaves_a_fifth_try(self):
        code = new_code("READER")
        for _ in range(4):
            enrol(code, kind="RELAY")

        assert enrol(code).status_code == 201


class TestTheSignature:
    def test_must_be_the_new_key_s(self):
        key, other = SigningKey.generate(), SigningKey.generate()
        caller = of_new_key(key)

        answer = caller.post(PATH, body_of(key, code=new_code()), key=other)

        assert code_of(answer) == "signature_invalid"

    def test_must_name_the_new_key(self):
        key, other = SigningKey.generate(), SigningKey.generate()

        answer = of_new_key(other).post(PATH, body_of(key, code=new_code()), key=key)

        assert code_of(answer) == "signature_invalid"

    def test_must_be_there(self, client):
        answer = client.post(PATH, "{}", content_type="application/json")

        assert code_of(answer) == "signature_invalid"

    @pytest.mark.parametrize("public_key", ["AAAA", "", 7, None, b64.encode(b"\4" + bytes(64))])
    def test_needs_a_key_in_the_body(self, public_key):
        key = SigningKey.generate()

        answer = of_new_key(key).post(PATH, body_of(key, code="x") | {"public_key": public_key})

        assert code_of(answer) == "invalid"
        assert answer.json()["errors"][0]["field"] == "public_key"

    def test_is_good_once(self):
        key = SigningKey.generate()
        caller = of_new_key(key)
        request = caller.signed("POST", PATH, body=body_of(key, code=new_code()), headers=KEYED)
        caller.deliver(request)

        assert code_of(caller.deliver(request)) == "signature_replayed"


class TestTheBody:
    def test_of_a_phone_has_serial_and_psn_key(self):
        key = SigningKey.generate()
        body = body_of(key, code=new_code("PHONE"), kind="PHONE")
        del body["psn_key"]

        answer = of_new_key(key).post(PATH, body)

        assert (code_of(answer), answer.json()["errors"][0]["field"]) == ("invalid", "psn_key")

    def test_of_a_reader_has_neither(self):
        assert code_of(enrol(new_code(), app_serial="APP-1")) == "invalid"

    def test_of_unknown_kind_or_field_is_invalid(self):
        assert code_of(enrol(new_code(), kind="TOASTER")) == "invalid"
        assert code_of(enrol(new_code(), owner="MER-1")) == "invalid"

    def test_asked_again_under_its_key_is_answered_alike(self):
        key, code = SigningKey.generate(), new_code()

        first, second = (enrol(code, key=key, headers=KEYED) for _ in range(2))

        assert (second.status_code, second.content) == (201, first.content)
        assert Device.objects.count() == 1


class TestAKey:
    def test_is_one_device_s(self):
        key = SigningKey.generate()
        enrol(new_code(), key=key)
        second = new_code()

        answer = enrol(second, key=key)

        assert (answer.status_code, code_of(answer)) == (409, "public_key_taken")
        assert enrol(second).status_code == 201

    def test_stays_revoked(self):
        key = SigningKey.generate()
        told = enrol(new_code(), key=key).json()
        devices.revoke(reference=told["device"], actor=SYSTEM, at=timezone.now())

        assert code_of(enrol(new_code(), key=key)) == "public_key_taken"
