"""A page costs the same number of queries however long its list is (ux §6, A6)."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config.roles import Role
from tests.factories import benefits as made

pytestmark = pytest.mark.django_db

LISTS = [
    *("campaign-list", "earning-list", "redemption-list", "sponsor-statement", "holder-find"),
    "sponsor-list",
]


def count(browser, url):
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_asks_at_most_twelve_whatever_its_length(name, scene, desk, manager, at):
    platform = name == "sponsor-list"
    browser = desk(Role.PLATFORM_ADMIN) if platform else manager
    url = reverse(name) if platform else at(name)
    scene.redeem()
    count(browser, url)  # what is looked up once in a process
    before = count(browser, url)
    for number in range(3):
        shares = [(scene.sponsor, 6_000), (made.sponsor(f"Brand {number}"), 4_000)]
        scene.redeem(definition=made.definition(name=f"C{number}", shares=shares))
        made.earning(scene.till.merchant, points_bps=100, at=timezone.now())
    assert count(browser, url) == before
    assert before <= 12


def test_a_campaign_and_its_basket(scene, manager, at):
    shares = [(scene.sponsor, 10_000)]
    asked = {"amount": "34,000", "store": scene.till.store.reference, "others": "on"}
    url = (
        at("campaign", scene.coupon.reference)
        + "?"
        + "&".join(f"{key}={value}" for key, value in asked.items())
    )
    count(manager, url)
    before = count(manager, url)
    for number in range(3):
        made.definition(name=f"C{number}", shares=shares, stack_group="welcome", budget_minor=9_999)
    assert count(manager, url) == before
    assert before <= 26
