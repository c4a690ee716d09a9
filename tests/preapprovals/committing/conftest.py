"""The same for tests that commit, which can stand on no rows of others."""

import pytest

from tests.factories import preapprovals as made


@pytest.fixture
def payer(db):
    return made.payer()


@pytest.fixture
def atm(db):
    return made.atm()


@pytest.fixture
def till(db):
    return made.till()
