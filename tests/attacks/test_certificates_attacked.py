"""A phone that is lost, refused or impatient, against the rules that keep a card off it."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from config import devices
from config.audit import SYSTEM
from config.wire import b64
from config.wire.keys import SigningKey
from issuers.models import CertificateRequest, Credential
from issuers.services import cards, certificate_requests, wipes
from issuers.services.certificate_requests import CertificateRefused
from issuers.services.credentials import TooManyCertificates
from tests.api.caller import of_device
from tests.factories import issuers as made
from tests.factories.wallets import CustomerFactory, enrolled_phone
from wallets.models import Authentication, AuthenticationChallenge, OfflineCopy
from wallets.services import authentications, offline_records, phones
from wallets.services.pins import DeviceLocked
from wallets.wire import Assertion, OfflineRecord, RecordKind

pytestmark = pytest.mark.django_db


def fresh_key():
    return SigningKey.generate().public


def copy_of(card, credential, key, atc):
    """Return a record that the phone signed for a reader nobody has."""
    return OfflineRecord(
        card_token=bytes(card.token),
        certificate_serial=bytes(credential.serial),
        atc=atc,
        kind=RecordKind.SALE,
        amount=1,
        currency="KRW",
        reader="RDR-NONE",
        reader_nonce=bytes(16),
        at=1,
        uses=atc,
        cumulative=atc,
        ota_version=0,
        verified=0,
    ).sign(key=key)


class Scene:
    """A customer with a card, and one phone of theirs with its key."""

    def __init__(self, rule):
        self.customer = CustomerFactory()
        self.card = made.card(
            of=made.programme(certificate_rule=rule), holder=self.customer.reference
        )
        self.device, self.key = enrolled_phone(customer=self.customer)
        self.phone = of_device((self.device, self.key))

    def ask(self, key, **more):
        path = f"/api/v1/wallet/cards/{self.card.reference}/certificate"
        return self.phone.post(path, body={"public_key": b64.encode(key)} | more)

    def wish(self, key, at):
        return certificate_requests.ask(card=self.card, device=self.device, public_key=key, at=at)

    def agree(self):
        asked = CertificateRequest.objects.select_related("card", "device", "issuer")
        certificate_requests.agree(
            request=asked.get(state="PENDING"), at=timezone.now(), actor=SYSTEM
        )

    def assertion(self, *, key=None, **changes):
        """Return a body that answers a fresh challenge, with changes to what is asserted."""
        challenge = authentications.challenge(device=self.device, at=timezone.now())
        told = {
            "challenge": challenge,
            "device": self.device.reference,
            "app_serial": "APP-1",
            "verified": True,
        } | changes
        return {
            "app_serial": "APP-1",
            "challenge": b64.encode(challenge),
            "assertion": b64.encode(Assertion(**told).sign(key=key or self.key)),
        }

    def prove(self, body):
        return self.phone.post("/api/v1/wallet/authentications", body=body)


@pytest.fixture
def staffed():
    return Scene("STAFF")


@pytest.fixture
def guarded():
    return Scene("STEP_UP")


class TestWhatStaffDecided:
    def test_a_refused_key_stays_refused_after_another_was_asked_with(self, staffed, noon):
        key = fresh_key()
        certificate_requests.refuse(
            request=staffed.wish(key, noon), reason="Not the holder", at=noon, actor=SYSTEM
        )
        staffed.wish(fresh_key(), noon)

        with pytest.raises(CertificateRefused):
            staffed.wish(key, noon)

    def test_an_agreement_ends_when_the_card_is_taken_off_the_phone(self, staffed):
        first, second = fresh_key(), fresh_key()
        staffed.ask(first)
        staffed.agree()
        assert staffed.ask(first).status_code == 201
        staffed.ask(second)
        staffed.agree()

        wipes.wipe(
            card=staffed.card,
            device=staffed.device,
            reason="STOLEN",
            at=timezone.now(),
            actor=SYSTEM,
        )

        assert staffed.ask(second).status_code == 202
        assert not Credential.objects.filter(state="ACTIVE").exists()

    def test_an_agreement_ends_when_the_whole_phone_was_lost(self, staffed):
        key = fresh_key()
        staffed.ask(key)
        staffed.agree()

        wiped = wipes.wipe_phone(
            device=staffed.device,
            issuer=staffed.card.issuer,
            reason="LOST",
            at=timezone.now(),
            actor=SYSTEM,
        )

        assert wiped == []
        assert staffed.ask(key).status_code == 202
        assert not Credential.objects.exists()

    def test_control_without_the_withdrawal_the_thief_fetches_it(self, staffed, monkeypatch):
        first, second = fresh_key(), fresh_key()
        staffed.ask(first)
        staffed.agree()
        staffed.ask(first)
        staffed.ask(second)
        staffed.agree()
        monkeypatch.setattr(certificate_requests, "withdraw", lambda **_what: 0)

        wipes.wipe(
            card=staffed.card,
            device=staffed.device,
            reason="STOLEN",
            at=timezone.now(),
            actor=SYSTEM,
        )

        assert staffed.ask(second).status_code == 201

    def test_of_another_issuer_an_agreement_stays(self, staffed):
        key = fresh_key()
        staffed.ask(key)
        staffed.agree()

        with pytest.raises(wipes.NotOnPhone):
            wipes.wipe_phone(
                device=staffed.device,
                issuer=made.issuer(),
                reason="LOST",
                at=timezone.now(),
                actor=SYSTEM,
            )

        assert staffed.ask(key).status_code == 201

    def test_the_agreed_key_is_not_swapped(self, staffed):
        key = fresh_key()
        staffed.ask(key)
        staffed.agree()

        assert staffed.ask(fresh_key()).status_code == 202
        assert staffed.ask(key).status_code == 202, "the swap withdrew what was agreed to"
        assert not Credential.objects.exists()

    def test_another_phone_of_the_customer_uses_no_agreement_of_the_first(self, staffed):
        key = fresh_key()
        staffed.ask(key)
        staffed.agree()
        staffed.phone = of_device(enrolled_phone(customer=staffed.customer))

        assert staffed.ask(key).status_code == 202


class TestTheQueue:
    def test_a_phone_fills_it_with_no_more_wishes_than_certificates(self, staffed, noon, settings):
        settings.CERTIFICATES_PER_HOUR = 3
        for minute in range(3):
            staffed.wish(fresh_key(), noon + timedelta(minutes=minute))

        with pytest.raises(TooManyCertificates) as refused:
            staffed.wish(fresh_key(), noon + timedelta(minutes=59))

        assert refused.value.extra == {"retry_after_s": 60}
        assert CertificateRequest.objects.count() == 3
        assert staffed.wish(fresh_key(), noon + timedelta(minutes=60))

    def test_asking_again_with_the_same_key_costs_nothing(self, staffed, noon, settings):
        settings.CERTIFICATES_PER_HOUR = 1
        key = fresh_key()

        assert staffed.wish(key, noon) == staffed.wish(key, noon)

    def test_the_phone_hears_how_long_to_wait(self, staffed, settings):
        settings.CERTIFICATES_PER_HOUR = 1
        staffed.ask(fresh_key())

        answer = staffed.ask(fresh_key())

        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_certificates")
        assert 0 < int(answer["Retry-After"]) <= 3600


class TestStepUp:
    def test_an_assertion_heard_twice_is_good_once(self, guarded):
        body = guarded.assertion()

        answers = [guarded.prove(body) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [201, 403]
        assert Authentication.objects.count() == 1

    def test_another_phones_assertion_and_challenge_prove_nothing(self, guarded):
        theirs = Scene("STEP_UP")

        answers = [guarded.prove(theirs.assertion()), guarded.prove(guarded.assertion())]

        assert [answer.json().get("code") for answer in answers] == ["device_unknown", None]

    def test_a_challenge_of_another_phone_is_none_of_ours(self, guarded):
        theirs = authentications.challenge(device=Scene("AUTO").device, at=timezone.now())
        told = Assertion(
            challenge=theirs, device=guarded.device.reference, app_serial="APP-1", verified=True
        )
        body = {"app_serial": "APP-1", "challenge": b64.encode(theirs)}
        body["assertion"] = b64.encode(told.sign(key=guarded.key))

        assert guarded.prove(body).json()["code"] == "verification_failed"
        assert AuthenticationChallenge.objects.get().used_at is None, "nor do we use it up"

    def test_another_phones_authentication_lets_no_card_on_ours(self, guarded):
        other = enrolled_phone(customer=guarded.customer)
        stolen = guarded.prove(guarded.assertion()).json()["authentication"]
        guarded.phone = of_device(other)

        answer = guarded.ask(fresh_key(), authentication=stolen)

        assert (answer.status_code, answer.json()["code"]) == (403, "authentication_required")

    def test_an_acknowledgement_is_no_assertion(self, guarded):
        from issuers.wire import Acknowledgement

        body = guarded.assertion()
        told = Acknowledgement(
            command_id=bytes(16),
            card_token=bytes(guarded.card.token),
            version=1,
            at=int(time.time()),
            atc=0,
            uses=0,
            amount=0,
        )
        body["assertion"] = b64.encode(told.sign(key=guarded.key))

        assert guarded.prove(body).json()["code"] == "verification_failed"

    def test_a_phone_that_locks_loses_what_it_proved_before(self, guarded):
        proof = guarded.prove(guarded.assertion()).json()["authentication"]
        codes = [guarded.prove(guarded.assertion(verified=False)).json()["code"] for _ in range(5)]
        assert codes[-1] == "device_locked"
        phones.unlock(
            device=guarded.device, reason="Seen", at=timezone.now(), actor=SYSTEM, tenant=""
        )

        answer = guarded.ask(fresh_key(), authentication=proof)

        assert answer.json()["code"] == "authentication_required"

    def test_a_locked_phone_gets_no_challenge(self, guarded, noon):
        for _ in range(5):
            guarded.prove(guarded.assertion(verified=False))

        with pytest.raises(DeviceLocked):
            authentications.challenge(device=guarded.device, at=noon)


class TestRevoked:
    def test_a_revoked_phone_neither_hears_nor_unfreezes(self):
        scene = Scene("AUTO")
        scene.ask(fresh_key())
        cards.freeze(card=scene.card, at=timezone.now(), actor=SYSTEM)
        devices.revoke(reference=scene.device.reference, actor=SYSTEM, at=timezone.now())

        answers = [
            scene.phone.get("/api/v1/wallet/commands"),
            scene.phone.post(f"/api/v1/wallet/cards/{scene.card.reference}/unfreeze"),
            scene.ask(fresh_key()),
        ]

        assert [answer.json()["code"] for answer in answers] == ["signature_invalid"] * 3
        scene.card.refresh_from_db()
        assert scene.card.frozen_by_owner_at is not None

    def test_unfreezing_lifts_no_block_of_the_issuer(self):
        from issuers.services import blacklist

        scene = Scene("AUTO")
        scene.ask(fresh_key())
        cards.freeze(card=scene.card, at=timezone.now(), actor=SYSTEM)
        blacklist.block(card=scene.card, reason="STOLEN", at=timezone.now(), actor=SYSTEM)

        told = scene.phone.post(f"/api/v1/wallet/cards/{scene.card.reference}/unfreeze").json()

        assert told["state"] == "BLOCKED"


class TestFloods:
    def test_freezing_to_and_fro_comes_to_rest_frozen(self, noon):
        scene = Scene("AUTO")
        for second in range(cards.FREEZES_PER_HOUR - 1):
            at = noon + timedelta(seconds=second)
            cards.freeze(card=scene.card, at=at, actor=SYSTEM)
            cards.unfreeze(card=scene.card, at=at, actor=SYSTEM)
        cards.freeze(card=scene.card, at=at, actor=SYSTEM)

        with pytest.raises(cards.TooManyFreezes) as refused:
            cards.unfreeze(card=scene.card, at=at, actor=SYSTEM)

        assert refused.value.extra["retry_after_s"] <= 3600
        later = noon + timedelta(hours=1, seconds=1)
        assert cards.unfreeze(card=scene.card, at=later, actor=SYSTEM).frozen_by_owner_at is None

    def test_copies_of_what_was_never_paid_come_to_an_end(self, noon, monkeypatch):
        monkeypatch.setattr(offline_records, "COPIES_MAX", 3)
        scene, key = Scene("AUTO"), SigningKey.generate()
        scene.ask(key.public)
        credential = Credential.objects.get()
        made_up = [copy_of(scene.card, credential, key, atc) for atc in range(1, 5)]

        assert offline_records.keep(device=scene.device, records=made_up[:3], at=noon) == 3
        with pytest.raises(offline_records.TooManyRecords):
            offline_records.keep(device=scene.device, records=made_up, at=noon)

        assert offline_records.keep(device=scene.device, records=made_up[:3], at=noon) == 0
        assert OfflineCopy.objects.count() == 3


class TestTheConfiguration:
    def test_is_signed_for_the_device_that_asked(self):
        from config.wire import cbor, cose

        one, other = Scene("AUTO"), Scene("AUTO")
        answers = [scene.phone.get("/api/v1/device/config").json() for scene in (one, other)]

        names = [
            cbor.decode(cose.parse(b64.decode(answer["signed"])).payload)["device"]
            for answer in answers
        ]
        assert names == [one.device.reference, other.device.reference]

    @pytest.mark.parametrize("key", ["", "x", "%FF", "A" * 5000, "AAAAAAAAAAA", "A%0D%0AX:1"])
    def test_an_odd_key_is_no_fault_of_ours(self, key):
        answer = Scene("AUTO").phone.get(f"/api/v1/device/config?key={key}")

        assert answer.status_code in {200, 400, 422}
        assert "X" not in answer.headers
