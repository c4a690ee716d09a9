"""A server in a thread, and a terminal of a shop."""

import pytest

from tests.rns import serving, terminals


@pytest.fixture
def server():
    with serving.in_thread() as running:
        yield running


@pytest.fixture
def terminal(server):
    return terminals.enrolled(server.address)
