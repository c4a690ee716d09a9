"""A reader in a bakery, and cards on phones."""

import pytest

from tests.factories import settlement


@pytest.fixture
def till(db, noon):
    return settlement.till(now=noon)


@pytest.fixture
def card(db):
    return settlement.card_on_phone()
