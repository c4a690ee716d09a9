"""The first page tells a sponsor of budgets that end."""

import pytest
from django.urls import reverse

from config.roles import Role
from tests.factories import benefits as made

pytestmark = pytest.mark.django_db


def told(browser):
    return browser.get(reverse("home")).content.decode()


def test_a_budget_nearly_spent_is_told(scene, manager):
    shares = [(scene.sponsor, 10_000)]
    campaign = made.definition(name="Short", shares=shares, budget_minor=5_000, uses_each=9)
    for _ in range(3):
        scene.redeem(definition=campaign)
    assert "Short" not in told(manager)  # 60 %
    scene.redeem(definition=campaign)
    assert "“Short” has used 80 % of its budget" in told(manager)


def test_a_brand_finds_its_campaigns(scene, desk):
    page = told(desk(Role.SPONSOR))
    assert "Campaigns out" in page
    assert reverse("campaign-list", args=[scene.brand.reference]) in page
