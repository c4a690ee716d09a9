"""A customer with money on a card, and a machine."""

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
