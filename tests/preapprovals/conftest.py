"""A customer with money on a card, and a machine: written once for the tests of a module."""

from copy import deepcopy

import pytest

from tests.factories import preapprovals as made


@pytest.fixture(scope="module")
def payer_that_stands(module_rows):
    return made.payer()


@pytest.fixture(scope="module")
def atm_that_stands(module_rows):
    return made.atm()


@pytest.fixture(scope="module")
def till_that_stands(module_rows):
    return made.till()


@pytest.fixture
def payer(payer_that_stands, db):
    return deepcopy(payer_that_stands)


@pytest.fixture
def atm(atm_that_stands, db):
    return deepcopy(atm_that_stands)


@pytest.fixture
def till(till_that_stands, db):
    return deepcopy(till_that_stands)
