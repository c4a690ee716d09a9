"""The page of a live list alone: its network and its socket are answered by the test."""

from collections.abc import Iterator

import pytest

from tests.browser.scripts.live_page import Desk

SOURCE = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.fixture(autouse=True)
def static_from_source(settings):
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": SOURCE}}


@pytest.fixture
def desk(chromium, settings, static_from_source) -> Iterator[Desk]:
    """The page of a live list, open; what its scripts throw fails the test."""
    settings.ROOT_URLCONF = "tests.browser.scripts.live_page"
    page = chromium.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    desk = Desk(page)
    desk.open()
    yield desk
    page.unroute_all(behavior="wait")  # a page closed with an answer under way may never close
    page.close()
    assert not faults
