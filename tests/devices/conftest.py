"""Machines need no Django, no database and no network but a loopback socket."""

import pytest

from tests.devices.parties import World


@pytest.fixture(scope="session", autouse=True)
def data_folder():
    """Stand in for the run's key folder: machines have none."""


@pytest.fixture
def world():
    return World()


@pytest.fixture
def reader(world):
    return world.reader()


@pytest.fixture
def card(world):
    return world.card()


@pytest.fixture
def phone(world):
    return world.phone()
