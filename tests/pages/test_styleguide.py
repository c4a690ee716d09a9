"""The styleguide: every component is there, well formed, and asks nothing the CSP refuses."""

import gzip
import re
from collections import Counter
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.template.loader import render_to_string
from django.utils import timezone

from config.portal.styleguide import samples

ROOT = Path(django_settings.BASE_DIR)
VOID = {"meta", "link", "input", "br", "hr", "img", "path", "rect", "circle", "use"}
SHELL = {
    "nav": [
        {"title": "", "items": [{"url": "/", "label": "Overview", "icon": "overview"}]},
        {
            "title": "Risk",
            "items": [
                {"url": "/b", "label": "Blacklist", "icon": "blacklist", "count": 3, "urgent": True}
                | {"current": True, "key": "b"}
            ],
        },
    ],
    "tenant": {"name": "Demo Card Issuer", "kind": "ISSUER"},
    "business_day": date(2026, 11, 22),
    "time_zone": "Asia/Seoul",
    "demo": True,
    "notices": 2,
    "role_label": "issuer risk",
    "user": "Risk desk 2",
}
REFERS = ("for", "aria-labelledby", "aria-describedby", "data-dialog", "data-says")


class Reading(HTMLParser):
    """What a page is made of: tags with their attributes, and whether they close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.crossed: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def values(self, name: str) -> list[str]:
        return [attrs[name] or "" for _tag, attrs in self.tags if name in attrs]


@pytest.fixture
def response(client):
    return client.get("/styleguide")


@pytest.fixture(params=["alone", "signed in"])
def page(request, client) -> Reading:
    """The page as anybody sees it, and in the frame of a signed-in person."""
    html = client.get("/styleguide").content.decode()
    if request.param == "signed in":
        html = render_to_string("styleguide.html", samples(at=timezone.now()) | SHELL)
    reading = Reading()
    reading.feed(html)
    return reading


def test_every_tag_closes_in_order(page: Reading) -> None:
    assert page.crossed == []
    assert page.open == []


def test_ids_are_unique_and_what_refers_to_them_finds_them(page: Reading) -> None:
    ids = Counter(page.values("id"))
    assert [name for name, times in ids.items() if times > 1] == []
    asked = {
        name for attribute in REFERS for value in page.values(attribute) for name in value.split()
    }
    assert asked - set(ids) - {"keys"} == set()


def test_nothing_is_inline(page: Reading) -> None:
    assert page.values("style") == []
    assert [tag for tag, _attrs in page.tags if tag == "style"] == []
    assert [name for _tag, attrs in page.tags for name in attrs if name.startswith("on")] == []
    assert all("src" in attrs for tag, attrs in page.tags if tag == "script")


def test_nothing_comes_from_another_host(page: Reading) -> None:
    addresses = page.values("src") + page.values("href")
    assert [address for address in addresses if re.match(r"(https?:)?//", address)] == []


def test_the_policy_is_strict(response) -> None:
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_every_icon_exists(page: Reading) -> None:
    drawn = {address.split("#")[1] for address in page.values("href") if "icons.svg#" in address}
    sprite = set(re.findall(r'symbol id="([^"]+)"', (ROOT / "static/img/icons.svg").read_text()))
    assert drawn <= sprite


def test_every_class_is_in_the_stylesheet(page: Reading) -> None:
    known = set(re.findall(r"\.([a-z][a-z0-9-]*)", (ROOT / "static/css/app.css").read_text()))
    used = {name for value in page.values("class") for name in value.split()}
    assert used - known == set()


def test_a_signed_in_page_says_who_where_and_when() -> None:
    html = render_to_string("styleguide.html", samples(at=timezone.now()) | SHELL)
    assert "Business day 22 Nov, Asia/Seoul" in html
    assert "Issuer back office" in html
    assert 'href="/b" aria-current="page" data-go="b"' in html
    assert "Demo data. No real money moves." in html
    assert html.index('class="skip"') < html.index('id="nav"') < html.index('id="main"')


def test_each_state_has_its_own_shape(page: Reading) -> None:
    body = " ".join(page.values("class"))
    assert all(
        f"pill is-{tone}" in body for tone in ("ok", "warn", "bad", "info", "offline", "neutral")
    )


@pytest.mark.parametrize("code", [400, 403, 404, 409, 429, 500])
def test_error_pages_stand_without_a_person_or_a_database(code: int) -> None:
    html = render_to_string(f"error/{code}.html", {"request_id": "req_1"})
    assert f'<p class="code">{code}</p>' in html
    assert "req_1" in html
    assert 'class="solo"' in html


def test_stylesheet_and_scripts_stay_small() -> None:
    def packed(*patterns: str) -> int:
        files = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
        return len(gzip.compress(b"".join(path.read_bytes() for path in files)))

    assert packed("static/css/*.css") <= 30_000
    assert packed("static/js/*.js") <= 20_000
