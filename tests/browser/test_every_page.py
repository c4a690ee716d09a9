"""Every page of every role, wide and narrow, light and dark: nothing sticks out, axe is content."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve
from playwright.sync_api import Page

from tests.browser import axe
from tests.browser.window import Window

pytestmark = pytest.mark.browser

WIDTHS = (1440, 390)
ROLES = ("issuer risk", "issuer operations", "merchant owner", "platform admin")
SIGNED_OUT = ("/sign-in", "/password/forgotten", "/styleguide")
LINKS = "[...document.querySelectorAll('main a[href], nav a[href], .bar a[href]')].map(a => a.href)"
STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="session")
def walked() -> set[str]:
    """Names of the pages that were looked at, by whatever role came there first."""
    return set()


@pytest.fixture(scope="session")
def eventful(scene) -> None:
    """Lists are looked at with rows in them: sold, blocked, refused."""
    scene.sell(3_300)
    scene.sell(4_400)


@pytest.mark.parametrize("role", ROLES)
def test_pages_of(role, window, walked, eventful, axe_source):
    faults = [fault for page in pages(window(role), walked) for fault in look(page, axe_source)]
    assert not faults, "\n".join(faults)


def test_pages_of_nobody(window, axe_source):
    one = window("")
    faults = [fault for path in SIGNED_OUT for fault in look(one.go(path), axe_source)]
    assert not faults, "\n".join(faults)


def pages(one: Window, walked: set[str]) -> Iterator[Page]:
    """Go wherever links lead from the first page, once to each named page of the portal."""
    ahead = ["/"]
    while ahead:
        path = ahead.pop(0)
        name = name_of(path)
        if not name or name in walked or name in NOT_PAGES:
            continue
        walked.add(name)
        page = one.go(path)
        ahead += [ours for link in page.evaluate(LINKS) if (ours := local(link, one.origin))]
        yield page


def look(page: Page, source: str) -> list[str]:
    """Return what is wrong with the page at each width and in each colour scheme."""
    faults = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            where = f"{urlsplit(page.url).path} at {width} {scheme}"
            out = page.evaluate(STICKS_OUT)
            faults += [f"{where}: sticks out by {out} px"] if out > 0 else []
            options = axe.EVERYTHING if scheme == "light" else axe.CONTRAST
            found = axe.violations(page=page, source=source, options=options)
            faults += [f"{where}: {violation}" for violation in found]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    return faults


def local(link: str, origin: str) -> str:
    """Return the path of a link into the portal, without its query; "" for any other."""
    return urlsplit(link).path if link.startswith(origin + "/") else ""


def name_of(path: str) -> str:
    try:
        return resolve(path).url_name or ""
    except Resolver404:
        return ""


NOT_PAGES: set[str] = set()
