"""A phone that wrong PINs or failed proofs locked: it gets no card, and it thaws none."""

import pytest
from django.utils import timezone

from config.audit import SYSTEM
from config.wire import b64
from config.wire.client import PortalRefused
from config.wire.keys import SigningKey
from issuers.models import Credential
from issuers.services import cards
from tests.api.caller import of_device
from tests.factories import issuers as made
from tests.factories.wallets import CustomerFactory, enrolled_phone
from tests.wallets.handsets import authenticated, handset_of
from wallets.models import Phone
from wallets.services import phones, pins

pytestmark = pytest.mark.django_db


class Scene:
    """A customer's card, and their phone."""

    def __init__(self, rule="AUTO"):
        customer = CustomerFactory()
        self.card = made.card(of=made.programme(certificate_rule=rule), holder=customer.reference)
        self.device, key = enrolled_phone(customer=customer)
        self.phone = of_device((self.device, key))
        self.key = SigningKey.generate().public

    def post(self, what, **options):
        return self.phone.post(f"/api/v1/wallet/cards/{self.card.reference}/{what}", **options)

    def certify(self, **more):
        return self.post("certificate", body={"public_key": b64.encode(self.key)} | more)

    def lock(self):
        Phone.objects.filter(device=self.device).update(locked_at=timezone.now(), pin_failures=5)

    def unlock(self):
        told = {"reason": "Seen", "at": timezone.now(), "actor": SYSTEM, "tenant": ""}
        phones.unlock(device=self.device, **told)


def refused(answer):
    return answer.status_code, answer.json().get("code")


@pytest.mark.parametrize("rule", ["AUTO", "STAFF"])
def test_it_gets_no_certificate_until_staff_unlock_it(rule):
    scene = Scene(rule)
    scene.lock()

    assert refused(scene.certify()) == (403, "device_locked")
    assert not Credential.objects.exists()

    scene.unlock()
    assert scene.certify().status_code == {"AUTO": 201, "STAFF": 202}[rule]


def test_not_with_a_step_up_either():
    card = made.card(of=made.programme(certificate_rule="STEP_UP"))
    handset = handset_of(card)
    proof = authenticated(handset)
    Phone.objects.update(locked_at=timezone.now(), pin_failures=5)
    body = {"public_key": b64.encode(SigningKey.generate().public), "authentication": proof}

    with pytest.raises(PortalRefused) as refusal:
        handset.session.post(f"/wallet/cards/{card.reference}/certificate", body=body)

    assert refusal.value.code == "device_locked"


def test_it_thaws_no_card_but_may_still_freeze_one():
    scene = Scene()
    scene.lock()

    assert scene.post("freeze").status_code == 200
    assert refused(scene.post("unfreeze")) == (403, "device_locked")

    scene.card.refresh_from_db()
    assert scene.card.frozen_by_owner_at is not None
    scene.unlock()
    assert scene.post("unfreeze").json()["state"] == "ACTIVE"


def test_another_phone_of_the_owner_thaws_it():
    scene = Scene()
    scene.lock()
    cards.freeze(card=scene.card, at=timezone.now(), actor=SYSTEM)
    scene.phone = of_device(enrolled_phone(customer=scene.device.phone.customer))

    assert scene.post("unfreeze").status_code == 200


def test_control_without_the_check_a_locked_phone_does_both(monkeypatch):
    scene = Scene()
    scene.lock()
    monkeypatch.setattr(pins, "require_unlocked", lambda **_asked: None)
    scene.post("freeze")

    assert scene.certify().status_code == 201
    assert scene.post("unfreeze").status_code == 200
