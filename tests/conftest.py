"""One database per worker on real PostgreSQL; clocks, factories and people come from here."""

from datetime import UTC, datetime

import pytest

pytest_plugins = ["tests.journeys.portal"]  # the running product, for journeys, browser and docs

NOON = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)  # noon in Seoul


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory):
    """Keys of the file provider lie in a folder of this run alone."""
    from django.conf import settings

    settings.DATA_DIR = tmp_path_factory.mktemp("paydesk")
    return settings.DATA_DIR


@pytest.fixture
def noon():
    return NOON
