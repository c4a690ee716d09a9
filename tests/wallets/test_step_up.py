"""STEP_UP: the holder proves on the phone who they are before a card goes on it (protocol §7)."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from config.audit import SYSTEM
from config.wire import b64
from config.wire.client import PortalRefused
from config.wire.keys import SigningKey
from issuers.models import Credential
from tests.factories import issuers as made
from tests.wallets.handsets import authenticated, handset_of
from wallets.models import Authentication, AuthenticationChallenge
from wallets.models import Phone as PhoneRow
from wallets.services import authentications, phones
from wallets.wire import Assertion

pytestmark = pytest.mark.django_db


@pytest.fixture
def card():
    return made.card(of=made.programme(certificate_rule="STEP_UP"))


@pytest.fixture
def handset(card):
    return handset_of(card)


def ask(handset, card, authentication=None):
    return handset.fetch_certificate(
        card=bytes(card.token), at=int(time.time()), authentication=authentication
    )


def refused(act, *arguments, **named):
    with pytest.raises(PortalRefused) as told:
        act(*arguments, **named)
    return told.value.code


def answer(handset, *, key=None, body=None, **changes):
    """Answer a fresh challenge, with what is told here instead of the truth."""
    challenge = handset.session.get("/wallet/authentications").json()["challenge"]
    told = {
        "challenge": b64.decode(challenge),
        "device": handset.device.reference,
        "app_serial": "APP-1",
        "verified": True,
    } | changes
    assertion = Assertion(**told).sign(key=key or handset.phone.device_key)
    sent = {"app_serial": "APP-1", "challenge": challenge, "assertion": b64.encode(assertion)}
    return handset.session.post("/wallet/authentications", body=sent | (body or {})).json()


class TestTheCertificate:
    def test_needs_an_authentication(self, handset, card):
        assert refused(ask, handset, card) == "authentication_required"
        assert not Credential.objects.exists()

    def test_comes_with_one(self, handset, card):
        assert ask(handset, card, authenticated(handset))
        assert Credential.objects.get().state == "ACTIVE"

    def test_uses_it_up(self, handset, card):
        proof = authenticated(handset)
        ask(handset, card, proof)

        assert refused(ask, handset, card, proof) == "authentication_required"
        assert Credential.objects.count() == 1

    def test_takes_none_that_is_over(self, handset, card):
        proof = authenticated(handset)
        Authentication.objects.update(expires_at=timezone.now())

        assert refused(ask, handset, card, proof) == "authentication_required"

    def test_takes_none_of_another_phone_of_the_same_holder(self, handset, card):
        assert refused(ask, handset, card, authenticated(handset_of(card))) == (
            "authentication_required"
        )

    def test_that_is_refused_leaves_it_good(self, handset, card, settings):
        settings.CERTIFICATES_PER_HOUR = 1
        ask(handset, card, authenticated(handset))
        proof = authenticated(handset)
        assert refused(ask, handset, card, proof) == "too_many_certificates"
        settings.CERTIFICATES_PER_HOUR = 2

        assert ask(handset, card, proof)

    def test_left_unsigned_by_a_crash_is_completed_without_another(self, handset, card):
        ask(handset, card, authenticated(handset))
        Credential.objects.update(certificate=None)
        key = Credential.objects.get().public_key
        body = {"public_key": b64.encode(bytes(key))}

        told = handset.session.post(f"/wallet/cards/{card.reference}/certificate", body=body)

        assert told.status == 201
        assert Credential.objects.count() == 1


class TestAnAssertion:
    def test_answers_with_five_minutes(self, handset):
        told = answer(handset)

        left = Authentication.objects.get().expires_at - timezone.now()
        assert timedelta(minutes=4, seconds=50) < left <= timedelta(minutes=5)
        assert set(told) == {"authentication", "expires_at"}

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"device": "PHN-ANOTHER"}, "device_unknown"),
            ({"app_serial": "APP-2"}, "app_serial_mismatch"),
            ({"body": {"app_serial": "APP-2"}}, "app_serial_mismatch"),
            ({"verified": False}, "verification_failed"),
            ({"challenge": bytes(32)}, "verification_failed"),
            ({"key": SigningKey.generate()}, "verification_failed"),
            ({"body": {"assertion": b64.encode(b"none")}}, "verification_failed"),
        ],
        ids=["device", "app", "app-beside", "unverified", "challenge", "key", "bytes"],
    )
    def test_that_proves_nothing_is_refused(self, handset, changes, code):
        assert refused(answer, handset, **changes) == code
        assert not Authentication.objects.exists()

    def test_is_good_for_one_challenge_once(self, handset):
        challenge = handset.session.get("/wallet/authentications").json()["challenge"]
        told = Assertion(
            challenge=b64.decode(challenge),
            device=handset.device.reference,
            app_serial="APP-1",
            verified=True,
        ).sign(key=handset.phone.device_key)
        body = {"app_serial": "APP-1", "challenge": challenge, "assertion": b64.encode(told)}
        handset.session.post("/wallet/authentications", body=body)

        again = refused(handset.session.post, "/wallet/authentications", body=body)

        assert again == "verification_failed"

    def test_comes_too_late_for_a_challenge_that_ended(self, handset):
        challenge = handset.session.get("/wallet/authentications").json()["challenge"]
        AuthenticationChallenge.objects.update(expires_at=timezone.now())

        body = {"challenge": challenge}
        assert refused(answer, handset, challenge=b64.decode(challenge), body=body) == (
            "verification_failed"
        )

    def test_for_the_challenge_of_another_phone_proves_nothing(self, handset, card):
        other = handset_of(card).session.get("/wallet/authentications").json()["challenge"]

        code = refused(answer, handset, challenge=b64.decode(other), body={"challenge": other})

        assert code == "verification_failed"

    def test_that_a_phone_signed_as_something_else_is_none(self, handset, card):
        from issuers.wire import Acknowledgement

        ack = Acknowledgement(
            command_id=bytes(16),
            card_token=bytes(16),
            version=1,
            at=1,
            atc=0,
            uses=0,
            amount=0,
        ).sign(key=handset.phone.device_key)

        assert refused(answer, handset, body={"assertion": b64.encode(ack)}) == (
            "verification_failed"
        )


class TestTheLock:
    def test_comes_with_the_fifth_failure_in_a_row(self, handset):
        codes = [refused(answer, handset, verified=False) for _ in range(5)]

        assert codes == ["verification_failed"] * 4 + ["device_locked"]
        assert refused(answer, handset) == "device_locked"
        assert PhoneRow.objects.get(device=handset.device).locked_at is not None

    def test_does_not_come_where_one_between_succeeds(self, handset):
        for _ in range(4):
            refused(answer, handset, verified=False)
        answer(handset)

        assert refused(answer, handset, verified=False) == "verification_failed"

    def test_is_lifted_by_staff(self, handset):
        for _ in range(5):
            refused(answer, handset, verified=False)

        phones.unlock(
            device=handset.device, reason="Came in", at=timezone.now(), actor=SYSTEM, tenant=""
        )

        assert answer(handset)["authentication"]

    def test_of_the_pin_still_lets_the_holder_prove_who_they_are(self, handset):
        PhoneRow.objects.update(locked_at=timezone.now(), pin_failures=5)

        assert answer(handset)["authentication"]


def test_nothing_of_a_proof_is_stored_in_clear(handset):
    told = answer(handset)["authentication"]

    assert told.encode() not in bytes(Authentication.objects.get().token_hash)


def test_what_ended_is_forgotten(handset):
    answer(handset)

    assert authentications.forget_ended(at=timezone.now() + timedelta(minutes=6), limit=10) == 2
