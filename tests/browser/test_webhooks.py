"""A shop's owner adds a webhook, sends a test, and finds what came of it."""

import re

import pytest
from playwright.sync_api import expect

from config.stack.environment import ECHO_OFFSET
from tests.browser.conftest import Scene

pytestmark = pytest.mark.browser


def test_added_tested_and_delivered(window, scene: Scene) -> None:
    page = window("merchant owner").go(f"/merchant/{scene.shop}/webhooks")
    page.get_by_role("link", name="Add a webhook").first.click()
    echo = f"https://127.0.0.1:{scene.street.portal.port + ECHO_OFFSET}/echo"
    expect(page.get_by_label("Address")).to_have_value(echo)
    page.get_by_label("What receives them").fill("Echo of the test")
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.get_by_text(re.compile("^whsec_"))).to_be_visible()
    page.get_by_role("link", name="Go to the webhook").click()

    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("heading", name="Test message")).to_be_visible()
    for _look in range(20):
        if page.get_by_text("taken", exact=True).is_visible():
            break
        page.wait_for_timeout(500)
        page.reload()

    expect(page.get_by_text("taken", exact=True)).to_be_visible()
    expect(page.get_by_role("main").get_by_text("Delivered").first).to_be_visible()
