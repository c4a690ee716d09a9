"""The wire tests run without Django and its settings, as a device's code does."""

import pytest
from hypothesis import settings

# A busy machine is slow now and then; how long one example takes says nothing about the code.
settings.register_profile("wire", deadline=None)
settings.load_profile("wire")


@pytest.fixture(scope="session", autouse=True)
def data_folder() -> None:
    """Stand in for the project's fixture, which needs the settings; nothing here writes a file."""
