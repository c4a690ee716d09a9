"""A shop's owner drafts a campaign, tries it on a basket, sees what clashes, and publishes it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe
from tests.browser.campaigns import type_campaign
from tests.browser.conftest import Scene

pytestmark = pytest.mark.browser


def test_drafted_tried_and_published(window, scene: Scene, axe_source: str) -> None:
    page = window("merchant owner").go(f"/sponsor/{scene.shop}/campaigns")
    page.get_by_role("link", name="Draft a campaign").first.click()
    type_campaign(page)
    expect(page.get_by_text("Take 10 % off everything, but never more than")).to_be_visible()
    clean(page, axe_source)
    page.get_by_role("button", name="Save the draft").click()

    expect(page.get_by_text("Clashes with “Welcome to Mapo”.")).to_be_visible()
    publish = page.get_by_role("button", name="Publish")
    expect(publish).to_have_attribute("aria-disabled", "true")
    page.get_by_label("Basket", exact=True).fill("34,000")
    page.get_by_role("button", name="Show what the customer pays").click()
    page.locator(".kv dd.total").wait_for()
    purchase, *taken, paid = map(won, page.locator("#customers-view .kv dd").all_inner_texts())
    # Bread week takes its most, 3,000, this one 10 % of what is left then.
    assert (purchase, taken[:2]) == (34_000, [3_000, 3_100])
    assert paid == purchase - sum(taken)
    clean(page, axe_source)

    publish.click()
    expect(page.get_by_text("It is out")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    clean(page, axe_source)


def won(shown: str) -> int:
    """Return how much is shown, without its sign."""
    return int("".join(filter(str.isdigit, shown)))


def clean(page: Page, source: str) -> None:
    assert not axe.violations(page=page, source=source, options=axe.EVERYTHING)
