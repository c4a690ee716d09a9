"""Staff take a card off a phone, empty a lost phone, close a card and unlock a phone."""

import pytest

from config.models import Audit
from config.roles import Role
from issuers.models import BlacklistVersion, Card, Credential, OtaCommand
from wallets.models import Phone

pytestmark = pytest.mark.django_db
LOST = {"reason": "LOST", "note": "On the bus"}
WHY = {"reason": "Asked at the counter"}


def wipes():
    return OtaCommand.objects.filter(action=OtaCommand.Action.WIPE)


def test_a_card_is_taken_off_one_phone_and_listed_at_once(scene, risk, at):
    card, phone = scene.cards[0], scene.phones[0]
    url = at("card-wipe", card.reference, phone.reference)
    assert f"Take card •••• {card.last4} off" in risk.get(url).content.decode()

    page = risk.post(url, LOST, follow=True)

    assert "is taken off" in page.content.decode()
    assert Credential.objects.get(card=card).state == "RETIRED"
    assert wipes().get().device == phone
    assert BlacklistVersion.objects.get().entries == 1
    assert Audit.objects.get(action="card.wipe").reason == "On the bus"


def test_a_double_click_wipes_once(scene, risk, at):
    url = at("card-wipe", scene.cards[0].reference, scene.phones[0].reference)
    risk.post(url, LOST)

    again = risk.post(url, LOST)

    assert "This phone does not carry the card" in again.content.decode()
    assert wipes().count() == 1


def test_a_lost_phone_loses_every_card(scene, risk, at):
    page = risk.post(at("device-wipe", scene.phones[0].reference), LOST, follow=True)

    assert "Cards taken off" in page.content.decode()
    assert wipes().count() == 1
    assert "Take every card off" not in page.content.decode()


def test_a_wiped_phone_stays_in_sight_until_it_has_heard(scene, risk, at):
    risk.post(at("device-wipe", scene.phones[0].reference), LOST)

    body = risk.get(at("undelivered", query="?view=all")).content.decode()

    assert "Wipe" in body
    assert risk.get(at("issuer-device", scene.phones[0].reference)).status_code == 200


def test_a_card_is_closed_with_a_reason(scene, operations, at):
    url = at("card-close", scene.cards[0].reference)
    assert "This field is required." in operations.post(url, {}).content.decode()

    page = operations.post(url, WHY, follow=True)

    assert "is closed." in page.content.decode()
    assert Card.objects.get(pk=scene.cards[0].pk).state == "CLOSED"
    again = operations.post(url, WHY)
    assert "The card is closed" in again.content.decode()


def test_a_locked_phone_is_unlocked(scene, operations, at, now):
    Phone.objects.filter(device=scene.phones[0]).update(locked_at=now, pin_failures=5)
    device = at("issuer-device", scene.phones[0].reference)
    assert "Unlock phone" in operations.get(device).content.decode()

    operations.post(at("device-unlock", scene.phones[0].reference), WHY)

    assert Phone.objects.get(device=scene.phones[0]).locked_at is None
    assert "Unlock phone" not in operations.get(device).content.decode()
    assert Audit.objects.get(action="phone.unlock").tenant == scene.issuer.reference


@pytest.mark.parametrize("name", ["card-wipe", "device-wipe", "card-close", "device-unlock"])
@pytest.mark.parametrize("role", [Role.ISSUER_AUDITOR, Role.PLATFORM_ADMIN])
def test_who_may_not_changes_nothing(role, name, scene, desk, at):
    card, phone = scene.cards[0].reference, scene.phones[0].reference
    names = {"card-wipe": (card, phone), "card-close": (card,)}

    answer = desk(role).post(at(name, *names.get(name, (phone,))), LOST)

    assert answer.status_code == 403
    assert Credential.objects.filter(card=scene.cards[0], state="ACTIVE").exists()


def test_another_issuers_phone_or_card_is_not_there(scene, other, risk, at):
    theirs, phone = other.cards[0].reference, other.phones[0].reference

    for url in (
        at("card-wipe", theirs, phone),
        at("card-wipe", scene.cards[0].reference, phone),
        at("device-wipe", phone),
    ):
        assert risk.post(url, LOST).status_code == 404
    assert Credential.objects.filter(card=other.cards[0], state="ACTIVE").exists()
