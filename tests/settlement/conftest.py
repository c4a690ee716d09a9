"""A reader in a bakery, and cards on phones."""

import pytest

from tests.factories import remote, settlement
from tests.factories import requests as made


@pytest.fixture
def till(db, noon):
    return settlement.till(now=noon)


@pytest.fixture
def card(db):
    return settlement.card_on_phone()


@pytest.fixture(scope="session")
def authority_process(tmp_path_factory):
    """An issuer's own system, a process by itself."""
    running = remote.start(tmp_path_factory.mktemp("authority"))
    yield running
    running.process.kill()
    running.process.wait()


@pytest.fixture
def authority(authority_process):
    """The same, well again."""
    authority_process.behave(**remote.WELL)
    return authority_process


@pytest.fixture(params=["here", "at the issuer's"])
def payers(request):
    """A function that makes payers: their issuers decide here, or in a system of their own."""
    if request.param == "here":
        return made.payer
    authority = request.getfixturevalue("authority")
    return lambda **options: remote.payer(authority, **options)
