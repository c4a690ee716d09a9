"""Swagger and Redoc in a browser: they draw the API, silently, and ask no third party."""

from urllib.parse import urlsplit

import pytest

from tests.api.serving import serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def portal(django_db_setup, data_folder):
    with serving("config.wsgi:application", data_folder=data_folder) as origin:
        yield origin


@pytest.fixture
def page(chromium):
    """A page that remembers what its console said and which origins it asked."""
    page = chromium.new_page()
    page.said, page.asked = [], set()
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.add(urlsplit(request.url).netloc))
    yield page
    page.close()


def test_swagger_draws_and_opens_a_call(portal, page):
    page.goto(f"{portal}/api/v1/docs")
    page.locator(".opblock-summary-control", has_text="/api/v1/enrolments").click()
    page.get_by_role("button", name="Try it out").click()

    page.get_by_text("Idempotency-Key", exact=True).wait_for()
    assert page.said == []
    assert page.asked == {urlsplit(portal).netloc}


def test_redoc_draws(portal, page):
    page.goto(f"{portal}/api/v1/redoc")

    page.get_by_text("/api/v1/enrolments", exact=True).first.wait_for()
    page.get_by_text("API docs by Redocly").wait_for()
    assert page.said == []
    assert page.asked == {urlsplit(portal).netloc}
