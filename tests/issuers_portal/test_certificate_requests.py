"""The queue of phones that ask for a card: seen, agreed to, refused, once."""

import pytest

from config.audit import SYSTEM
from config.models import Audit
from config.roles import Role
from config.wire.keys import SigningKey
from issuers.services import cards, certificate_requests

pytestmark = pytest.mark.django_db


def asks(scene, number, *, at, key=None):
    return certificate_requests.ask(
        card=scene.cards[number],
        device=scene.phones[number],
        public_key=(key or SigningKey.generate()).public,
        at=at,
    )


@pytest.fixture
def asked(scene, now):
    return asks(scene, 0, at=now)


def test_the_queue_tells_who_asks_for_what_with_which_key(scene, asked, operations, at):
    body = operations.get(at("certificate-requests")).content.decode()

    assert f"•••• {scene.cards[0].last4}" in body
    assert scene.phones[0].reference in body
    assert "Agree" in body
    assert "Refuse" in body


def test_who_may_not_decide_is_offered_nothing(asked, desk, at):
    body = desk(Role.ISSUER_AUDITOR).get(at("certificate-requests")).content.decode()

    assert "Agree<" not in body
    assert "/agree" not in body


def test_an_agreement_is_made_once_however_often_clicked(asked, operations, at):
    for _ in range(2):
        page = operations.post(at("certificate-request-agree", asked.pk), follow=True)

    asked.refresh_from_db()
    assert asked.state == "AGREED"
    assert "Somebody has decided on this request" in page.content.decode()
    assert Audit.objects.filter(action="certificate_request.agree").count() == 1


def test_a_refusal_needs_a_reason(asked, operations, at):
    url = at("certificate-request-refuse", asked.pk)
    assert "This field is required." in operations.post(url, {}).content.decode()

    operations.post(url, {"reason": "Not the holder"})

    asked.refresh_from_db()
    assert (asked.state, asked.reason) == ("REFUSED", "Not the holder")
    listed = operations.get(at("certificate-requests", query="?view=refused")).content.decode()
    assert "Not the holder" in listed


def test_a_card_closed_meanwhile_is_told(asked, operations, at, now, scene):
    cards.close(card=scene.cards[0], at=now, actor=SYSTEM)

    page = operations.post(at("certificate-request-agree", asked.pk), follow=True)

    assert "The card is closed" in page.content.decode()


@pytest.mark.parametrize("name", ["certificate-request-agree", "certificate-request-refuse"])
def test_another_issuers_request_is_not_there(name, other, now, operations, at):
    theirs = asks(other, 0, at=now)

    assert operations.post(at(name, theirs.pk), {"reason": "No"}).status_code == 404
    theirs.refresh_from_db()
    assert theirs.state == "PENDING"


@pytest.mark.parametrize("role", [Role.ISSUER_RISK, Role.ISSUER_AUDITOR, Role.PLATFORM_ADMIN])
def test_other_roles_decide_nothing(role, asked, desk, at):
    answer = desk(role).post(at("certificate-request-agree", asked.pk))

    assert answer.status_code == 403
    asked.refresh_from_db()
    assert asked.state == "PENDING"
