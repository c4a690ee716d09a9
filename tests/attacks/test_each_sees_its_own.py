"""Mission 6.09: every role of one house at every list and every direct address of another.

The addresses are those that links lead the other house's own people to, so that a new page is
attacked as soon as it is linked. Clerk and admin of the platform see all by the role matrix.
"""

import pytest
from django.urls import get_resolver
from django.urls.resolvers import URLResolver

from config.roles import Role
from settlement.selectors import visible
from tests.pages import house as houses
from tests.pages.house import at_work, begins, text_of, told, walk

pytestmark = pytest.mark.django_db

OF_TENANTS = [role for role in Role if role.value.startswith(("ISSUER", "MERCHANT", "SPONSOR"))]
OWN = (Role.ISSUER_OPERATIONS, Role.ISSUER_RISK, Role.MERCHANT_OWNER, Role.SPONSOR)
SOURCE = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.fixture(autouse=True)
def static_from_source(settings):
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": SOURCE}}


@pytest.fixture
def ours(db):
    return houses.build()


@pytest.fixture
def theirs(db):
    return houses.build()


def addresses_of(house):
    """Return the addresses of a house's pages by name, and their CSV and receipt."""
    found = {}
    for role in OWN:
        pages = walk(at_work(house, role), begins(house, role))
        found |= {name: path for name, path, _html in pages}
    return found


def leaks(browser, paths, secrets):
    """Return where something of the other house is said, or a page of its own answers."""
    found = []
    for path in paths:
        for asked in (path, f"{path}?as=csv"):
            answer = browser.get(asked)
            if answer.status_code in {403, 404, 405}:
                continue
            said = text_of(answer)
            found += [f"{asked} says {secret}" for secret in secrets if secret in said]
    return found


def test_6_09_no_role_reads_anything_of_another_house(ours, theirs):
    """Both houses are built and walked once: that costs more than all that is asked after."""
    paths, secrets = addresses_of(theirs), told(theirs)
    found = {role: leaks(at_work(ours, role), paths.values(), secrets) for role in OF_TENANTS}
    assert not {role: faults for role, faults in found.items() if faults}
    # What takes a fault, a day or a phone is attacked where these are made.
    walked = named(get_resolver()) & set(paths)
    assert len(walked) >= 30
    assert {"payment", "card", "batch", "campaign", "blacklist", "business-day"} <= walked


def named(resolver):
    """Return the names of all pages whose address names something."""
    found = set()
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            found |= named(pattern)
        elif pattern.pattern.converters and ".portal." in pattern.callback.__module__:
            found.add(pattern.name)
    return found


def test_6_09_negative_control_without_the_filter_it_leaks(ours, theirs, monkeypatch):
    monkeypatch.setattr(visible, "_of", lambda _tenants: visible.Q())
    secrets = told(theirs)
    browser = at_work(ours, Role.MERCHANT_OWNER)
    assert leaks(browser, [addresses_of(theirs)["payment"]], secrets)
