"""What an issuer's staff see first, and what their navigation offers."""

from datetime import timedelta

import pytest

from config.models import Membership
from config.roles import Role
from issuers.portal import home, nav
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
        "Cards",
        "Devices",
        "Programmes",
    ]


def test_the_platform_chooses_an_issuer_first(scene, desk):
    browser = desk(Role.PLATFORM_ADMIN)

    body = browser.get("/issuer/").content.decode()

    assert f"/issuer/{scene.issuer.reference}/blacklist" in body
