"""Pages are drawn with the static files as they lie in the source, without a collected manifest."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.pages.live_page import Desk

SOURCE = "django.contrib.staticfiles.storage.StaticFilesStorage"
CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(autouse=True)
def static_from_source(settings):
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": SOURCE}}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for one module: while it runs, its event loop keeps others and the ORM away."""
    if not CHROMIUM.exists():
        pytest.skip("needs the distribution's Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def desk(chromium, settings, static_from_source) -> Iterator[Desk]:
    """The page of a live list, open; what its scripts throw fails the test."""
    settings.ROOT_URLCONF = "tests.pages.live_page"
    page = chromium.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    desk = Desk(page)
    desk.open()
    yield desk
    page.close()
    assert not faults
