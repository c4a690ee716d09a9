"""Commands of protocol §9 that the floor answers, and what it forgets."""

import json
from datetime import datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from config import tasks
from config.models import Audit, Device, EnrolmentCode, EnrolmentFailure, SeenNonce
from tests.factories.merchants import StoreFactory, enrolled
from tests.factories.wallets import CustomerFactory

pytestmark = pytest.mark.django_db


def told(*words):
    """Run a command with --json; return its object and exit status."""
    out, status = StringIO(), 0
    try:
        call_command(*words, "--json", stdout=out)
    except SystemExit as ended:
        status = ended.code
    return json.loads(out.getvalue()), status


class TestEnrolmentCode:
    def test_is_made_for_a_merchant(self):
        owner = StoreFactory().merchant.reference

        answer, status = told("enrolment_code", "--kind", "READER", "--merchant", owner)

        assert (set(answer), status) == ({"code", "kind", "expires_at"}, 0)
        assert len(answer["code"]) == 10
        left = datetime.fromisoformat(answer["expires_at"]) - timezone.now()
        assert 895 < left.total_seconds() <= 900
        assert Audit.objects.get().actor_kind == "COMMAND"

    def test_is_made_for_a_store(self):
        store = StoreFactory()
        words = ("--merchant", store.merchant.reference, "--store", store.reference)

        told("enrolment_code", "--kind", "ATM", *words)

        assert EnrolmentCode.objects.get().store == store.reference

    def test_of_a_phone_is_made_for_a_customer(self):
        owner = CustomerFactory().reference

        _answer, status = told("enrolment_code", "--kind", "PHONE", "--customer", owner)

        assert (status, EnrolmentCode.objects.get().owner) == (0, owner)

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("--kind", "READER", "--merchant", "MER-0"), "not_found"),
            (("--kind", "PHONE", "--customer", "CUS-0"), "not_found"),
            (("--kind", "PHONE", "--merchant", "MER-0"), "wrong_owner"),
            (("--kind", "READER", "--customer", "CUS-0"), "wrong_owner"),
        ],
    )
    def test_is_refused(self, words, code):
        answer, status = told("enrolment_code", *words)

        assert (answer["error"]["code"], status) == (code, 1)

    def test_is_of_a_known_kind(self):
        with pytest.raises(CommandError):
            told("enrolment_code", "--kind", "TOASTER", "--merchant", "MER-0")


class TestDeviceRevoke:
    def test_ends_a_device_once(self):
        device, _key = enrolled()

        answers = [told("device_revoke", "--device", device.reference) for _ in range(2)]

        assert answers == [({"device": device.reference, "state": "REVOKED"}, 0)] * 2
        assert Audit.objects.filter(action="device.revoke").count() == 1
        assert Device.objects.get().revoked_at is not None

    def test_refuses_an_unknown_one(self):
        answer, status = told("device_revoke", "--device", "RDR-0")

        assert (answer["error"]["code"], status) == ("not_found", 1)


def test_what_expired_is_forgotten_in_batches(monkeypatch, noon):
    monkeypatch.setattr(tasks, "BATCH", 2)
    device, _key = enrolled()
    for number in range(5):
        SeenNonce.objects.create(device=device, nonce=bytes([number] * 16), expires_at=noon)
        EnrolmentFailure.objects.create(address="192.0.2.1", at=noon)

    tasks.forget_expired()

    assert not EnrolmentFailure.objects.exists()
    assert not SeenNonce.objects.exists()
