import pytest

from tests.api.caller import of_device
from tests.factories.merchants import enrolled
from tests.factories.wallets import enrolled_phone


@pytest.fixture
def terminal(db):
    return of_device(enrolled(kind="TERMINAL"))


@pytest.fixture
def reader(db):
    return of_device(enrolled(kind="READER"))


@pytest.fixture
def phone(db):
    return of_device(enrolled_phone())
