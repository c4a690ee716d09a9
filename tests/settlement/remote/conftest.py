"""A terminal, and a payer whose issuer decides in a system of its own."""

import pytest

from tests.factories import remote as at_issuers
from tests.factories import requests as made


@pytest.fixture
def terminal():
    return made.terminal()


@pytest.fixture
def payer(authority):
    return at_issuers.payer(authority)


@pytest.fixture
def asked(terminal, payer, noon):
    """A payment whose issuer is about to be asked."""
    request = terminal.asks(10_000, at=noon)
    payer.asks_to_pay(request, at=noon)
    return request


@pytest.fixture
def paid(asked, noon):
    """A payment of 10,000 that its issuer's own system has approved."""
    at_issuers.sent(at=noon)
    return asked
