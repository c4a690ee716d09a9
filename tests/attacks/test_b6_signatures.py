"""Attacks with a signature that was made for something else (protocol §3)."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from config.wire.client import PortalRefused
from settlement.models import Payment
from tests.api.caller import of_device
from tests.attacks.shops import shop
from tests.clients import http, session_of
from tests.factories import requests as made

pytestmark = pytest.mark.django_db


@pytest.fixture
def theirs():
    return shop()


class TestTheRequestSignature:
    """What was signed for one act does another for nobody."""

    @pytest.fixture
    def phone(self):
        payer = made.payer(at=timezone.now() - timedelta(hours=1))
        return of_device((payer.phone, payer.key))

    def sent(self, phone, tid, *, to=None, **changes):
        """Sign a claim, and send it altered."""
        path = f"/api/v1/wallet/payments/{tid}/claim"
        signed = phone.signed("POST", path, headers={"Idempotency-Key": "0123456789abcdef"})
        headers = signed["headers"] | changes
        return http().post(settings.ORIGIN + (to or path), headers=headers)

    def test_of_one_payment_claims_no_other(self, phone, theirs):
        one, other = (theirs.terminal.asks(at=timezone.now()) for _ in range(2))

        answer = self.sent(phone, one.tid, to=f"/api/v1/wallet/payments/{other.tid}/claim")

        assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
        assert Payment.objects.get(reference=other.reference).state == "REQUESTED"

    @pytest.mark.parametrize("act", ["decline", "release"])
    def test_of_a_claim_is_none_for_another_act(self, phone, theirs, act):
        request = theirs.terminal.asks(at=timezone.now())
        to = f"/api/v1/wallet/payments/{request.tid}/{act}"

        assert self.sent(phone, request.tid, to=to).status_code == 401

    def test_with_another_idempotency_key_is_none(self, phone, theirs):
        request = theirs.terminal.asks(at=timezone.now())

        answer = self.sent(phone, request.tid, **{"idempotency-key": "another-key-than-that"})

        assert answer.status_code == 401

    def test_once_used_is_used(self, phone, theirs):
        request = theirs.terminal.asks(at=timezone.now())
        path = f"/api/v1/wallet/payments/{request.tid}/claim"
        headers = phone.signed("POST", path)["headers"]

        told = [http().post(settings.ORIGIN + path, headers=headers) for _ in range(2)]

        assert [answer.status_code for answer in told] == [200, 401]
        assert told[1].json()["code"] == "signature_replayed"

    def test_none_and_a_foreign_key_are_refused(self, phone, theirs):
        request = theirs.terminal.asks(at=timezone.now())
        path = f"{settings.ORIGIN}/api/v1/wallet/payments/{request.tid}/claim"
        server = {"Authorization": f"Bearer {theirs.token}"}

        assert http().post(path).status_code == 401
        assert http().post(path, headers=server).status_code == 403

    def test_an_idempotency_key_of_one_payment_is_no_answer_for_another(self, theirs):
        payer = made.payer(at=timezone.now() - timedelta(hours=1))
        session = session_of(key=payer.key, device=payer.phone)
        one, other = (theirs.terminal.asks(at=timezone.now()) for _ in range(2))
        key = "the-very-same-key"
        session.post(f"/wallet/payments/{one.tid}/claim", idempotency_key=key)

        for path in (f"{one.tid}/decline", f"{other.tid}/claim"):
            with pytest.raises(PortalRefused) as refused:
                session.post(f"/wallet/payments/{path}", idempotency_key=key)
            assert refused.value.code == "idempotency_mismatch"

    def test_control_without_the_fingerprint_it_would_be(self, theirs, monkeypatch):
        monkeypatch.setattr("config.idempotency.fingerprint", lambda **_: bytes(32))
        payer = made.payer(at=timezone.now() - timedelta(hours=1))
        session = session_of(key=payer.key, device=payer.phone)
        one, other = (theirs.terminal.asks(at=timezone.now()) for _ in range(2))
        key = "the-very-same-key"
        session.post(f"/wallet/payments/{one.tid}/claim", idempotency_key=key)

        told = session.post(f"/wallet/payments/{other.tid}/claim", idempotency_key=key).json()

        assert told["tid"] == one.tid
