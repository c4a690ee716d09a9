"""What an issuer's staff see first, and what their navigation offers."""

from datetime import timedelta

import pytest

from config.audit import Actor
from config.models import Membership
from config.roles import Role
from config.wire.keys import SigningKey
from issuers.portal import home, nav
from issuers.services import certificate_requests, unblocking
from tests.factories.config import MembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def membership(scene) -> Membership:
    return MembershipFactory(role=Role.ISSUER_RISK, tenant=scene.issuer.reference)


def test_tiles_tell_coverage_and_blocked_cards(scene, membership, now):
    scene.block(0, at=now)
    scene.fetch(0, at=now)

    coverage, blocked = home.tiles(user=membership.user, membership=membership, at=now)

    assert (coverage.value, coverage.note) == ("50.0", "1 of 2 readers on version 1")
    assert (blocked.value, blocked.note) == ("1", "1 not yet applied by a phone")


def test_readers_a_day_behind_and_money_still_at_risk_need_somebody(scene, membership, now):
    scene.block(0, at=now - timedelta(hours=30))

    silent, exposed = home.attention(user=membership.user, membership=membership, at=now)

    assert (silent.tone, silent.title) == ("warn", "Readers behind for more than 24 hours: 2")
    assert exposed.title == "200,000 KRW could still be spent with blocked cards"


def told(role, scene, *, at):
    """Return the titles of what somebody of that role is told on the first page."""
    membership = MembershipFactory(role=role, tenant=scene.issuer.reference)
    found = home.attention(user=membership.user, membership=membership, at=at)
    return [each.title for each in found]


def test_phones_that_ask_wait_for_those_who_issue_cards(scene, now):
    certificate_requests.ask(
        card=scene.cards[0],
        device=scene.phones[0],
        public_key=SigningKey.generate().public,
        at=now,
    )

    assert told(Role.ISSUER_OPERATIONS, scene, at=now) == ["Phones asking for cards: 1"]
    assert told(Role.ISSUER_RISK, scene, at=now) == []


def test_a_file_waits_for_another_person_than_who_asked(scene, membership, now):
    scene.block(0, at=now - timedelta(hours=1))
    unblocking.request(
        issuer=scene.issuer,
        source=f"card\n{scene.cards[0].reference}\n".encode(),
        reason="Chargeback settled",
        at=now,
        actor=Actor(kind="USER", name=str(membership.user.pk)),
    )
    waits = "Files of cards to take off the list: 1"

    assert waits in told(Role.ISSUER_APPROVER, scene, at=now)
    assert waits not in told(Role.ISSUER_OPERATIONS, scene, at=now)
    own = home.attention(user=membership.user, membership=membership, at=now)
    assert waits not in [each.title for each in own]


def test_a_quiet_house_asks_for_nothing(scene, membership, now):
    assert home.attention(user=membership.user, membership=membership, at=now) == []


@pytest.mark.parametrize("role", [Role.PLATFORM_ADMIN, Role.MERCHANT_OWNER])
def test_others_get_no_tiles_of_an_issuer(role, scene, now):
    tenant = "MER-ELSEWHERE" if role == Role.MERCHANT_OWNER else ""
    membership = MembershipFactory(role=role, tenant=tenant)

    assert home.tiles(user=membership.user, membership=membership, at=now) == []
    assert home.attention(user=membership.user, membership=membership, at=now) == []


def test_navigation_offers_the_issuers_pages(scene, membership):
    found = nav.items(user=membership.user, membership=membership)

    assert [item.label for item in found] == [
        "Blacklist",
        "Distribution",
        "Undelivered",
        "Card files",
        "Debts",
        "Authorisations",
        "Cards",
        "Devices",
        "Phones asking",
        "Programmes",
    ]


def test_the_platform_chooses_an_issuer_first(scene, desk):
    browser = desk(Role.PLATFORM_ADMIN)

    body = browser.get("/issuer/").content.decode()

    assert f"/issuer/{scene.issuer.reference}/blacklist" in body
