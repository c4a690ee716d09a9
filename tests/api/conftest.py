import pytest

from tests.api.caller import of_device
from tests.factories.merchants import enrolled
from tests.factories.wallets import enrolled_phone


@pytest.fixture(autouse=True)
def routes(settings, request):
    """Serve the floor's own routes and the probe's; the schema is of the whole portal."""
    if "whole_portal" not in request.fixturenames:
        settings.ROOT_URLCONF = "tests.api.probe"


@pytest.fixture
def whole_portal():
    """Serve every route of the portal."""


@pytest.fixture
def terminal(db):
    return of_device(enrolled(kind="TERMINAL"))


@pytest.fixture
def reader(db):
    return of_device(enrolled(kind="READER"))


@pytest.fixture
def phone(db):
    return of_device(enrolled_phone())
