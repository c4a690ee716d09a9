"""STAFF: a card goes on a phone after the issuer's staff agree to that key (protocol §3.1)."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from config import devices
from config.audit import SYSTEM
from config.models import Audit
from config.wire import b64
from config.wire.client import PortalRefused
from config.wire.keys import SigningKey
from issuers.models import CertificateRequest, Credential
from issuers.services import blacklist, cards, certificate_requests, wipes
from issuers.services.certificate_requests import CertificateRefused, RequestDecided
from issuers.services.credentials import DeviceRevoked
from tests.factories import issuers as made
from tests.wallets.handsets import handset_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def card():
    return made.card(of=made.programme(certificate_rule="STAFF"))


@pytest.fixture
def handset(card):
    return handset_of(card)


def ask(handset, card):
    return handset.fetch_certificate(card=bytes(card.token), at=int(time.time()))


def pending():
    return CertificateRequest.objects.get(state="PENDING")


def agree(request=None):
    return certificate_requests.agree(request=request or pending(), at=timezone.now(), actor=SYSTEM)


def refuse():
    return certificate_requests.refuse(
        request=pending(), reason="Not the holder", at=timezone.now(), actor=SYSTEM
    )


class TestThePhone:
    def test_waits_until_staff_agree_and_then_pays(self, handset, card):
        assert ask(handset, card) is False
        assert ask(handset, card) is False
        assert CertificateRequest.objects.count() == 1
        agree()

        assert ask(handset, card) is True

        handset.phone.check_before_contact(card=bytes(card.token), at=int(time.time()))
        assert CertificateRequest.objects.get().state == "DONE"

    def test_that_never_heard_the_answer_gets_the_same_certificate(self, handset, card):
        ask(handset, card)
        agree()
        key = b64.encode(bytes(CertificateRequest.objects.get().public_key))
        body = {"public_key": key}
        path = f"/wallet/cards/{card.reference}/certificate"

        first, again = (handset.session.post(path, body=body).json() for _ in range(2))

        assert first == again
        assert Credential.objects.count() == 1

    def test_that_is_refused_forgets_the_key_and_may_ask_with_another(self, handset, card):
        ask(handset, card)
        refuse()

        with pytest.raises(PortalRefused) as refused:
            ask(handset, card)

        assert (refused.value.status, refused.value.code) == (403, "certificate_refused")
        assert ask(handset, card) is False
        keys = CertificateRequest.objects.values_list("public_key", flat=True)
        assert len({bytes(key) for key in keys}) == 2

    def test_with_another_key_than_the_one_agreed_to_asks_anew(self, handset, card):
        ask(handset, card)
        agree()
        body = {"public_key": b64.encode(SigningKey.generate().public)}

        told = handset.session.post(f"/wallet/cards/{card.reference}/certificate", body=body)

        assert (told.status, told.json()) == (202, {"state": "PENDING"})
        states = CertificateRequest.objects.order_by("id").values_list("state", flat=True)
        assert list(states) == ["WITHDRAWN", "PENDING"]

    def test_of_another_customer_cannot_use_the_agreement(self, handset, card):
        ask(handset, card)
        agree()
        body = {"public_key": b64.encode(bytes(CertificateRequest.objects.get().public_key))}

        with pytest.raises(PortalRefused) as refused:
            handset_of().session.post(f"/wallet/cards/{card.reference}/certificate", body=body)

        assert refused.value.code == "not_found"

    def test_that_was_wiped_needs_a_new_agreement(self, handset, card):
        ask(handset, card)
        agree()
        ask(handset, card)
        wipes.wipe(card=card, device=handset.device, reason="LOST", at=timezone.now(), actor=SYSTEM)

        assert ask(handset, card) is False

    def test_learns_of_a_block_before_its_first_payment(self, handset, card):
        ask(handset, card)
        blacklist.block(card=card, reason="LOST", at=timezone.now(), actor=SYSTEM)
        agree()

        ask(handset, card)

        assert handset.phone.credential(bytes(card.token)).blocked


class TestTheDecision:
    def test_leaves_an_audit_row_each(self, handset, card):
        ask(handset, card)
        agree()

        assert Audit.objects.filter(action="certificate_request.agree").count() == 1

    def test_is_made_once(self, handset, card):
        ask(handset, card)
        request = pending()
        agree(request)

        with pytest.raises(RequestDecided):
            agree(CertificateRequest.objects.get())
        assert Audit.objects.filter(action="certificate_request.agree").count() == 1

    def test_lasts_seven_days(self, handset, card):
        ask(handset, card)
        request = agree()
        device, key, at = request.device, bytes(request.public_key), request.decided_at

        late = certificate_requests.ask(
            card=card, device=device, public_key=key, at=at + timedelta(days=7)
        )

        assert late.state == "PENDING"

    def test_for_a_closed_card_is_refused(self, handset, card):
        ask(handset, card)
        request = pending()
        cards.close(card=card, at=timezone.now(), actor=SYSTEM)

        with pytest.raises(blacklist.CardClosed):
            agree(request)
        assert CertificateRequest.objects.get().state == "WITHDRAWN"

    def test_for_a_revoked_phone_is_refused(self, handset, card):
        ask(handset, card)
        request = pending()
        devices.revoke(reference=handset.device.reference, actor=SYSTEM, at=timezone.now())

        with pytest.raises(DeviceRevoked):
            agree(request)
        assert CertificateRequest.objects.get().state == "WITHDRAWN"

    def test_refused_is_refused_for_good(self, handset, card):
        ask(handset, card)
        request = refuse()

        with pytest.raises(CertificateRefused):
            certificate_requests.ask(
                card=card,
                device=handset.device,
                public_key=bytes(request.public_key),
                at=timezone.now() + timedelta(days=30),
            )

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_to_refuse_needs_a_reason(self, handset, card, reason):
        ask(handset, card)

        with pytest.raises(certificate_requests.ReasonMissing):
            certificate_requests.refuse(
                request=pending(), reason=reason, at=timezone.now(), actor=SYSTEM
            )


@pytest.mark.parametrize(("reason", "at_once"), [("LOST", False), ("CUSTOMER", True)])
def test_a_phone_wiped_as_lost_asks_staff_whatever_the_rule(reason, at_once):
    card = made.card(of=made.programme(certificate_rule="AUTO"))
    handset = handset_of(card)
    assert ask(handset, card) is True
    device = Credential.objects.get().device
    wipes.wipe(card=card, device=device, reason=reason, at=timezone.now(), actor=SYSTEM)
    handset.pull_commands(at=int(time.time()))

    assert ask(handset, card) is at_once
