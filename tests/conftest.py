"""One database per worker on real PostgreSQL; clocks, factories and people come from here."""

from datetime import UTC, datetime

import pytest
from django.db.backends.postgresql.operations import DatabaseOperations

pytest_plugins = ["tests.journeys.portal"]  # the running product, for journeys, browser and docs

NOON = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)  # noon in Seoul


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory):
    """Keys of the file provider lie in a folder of this run alone."""
    from django.conf import settings

    settings.DATA_DIR = tmp_path_factory.mktemp("paydesk")
    return settings.DATA_DIR


@pytest.fixture(scope="session", autouse=True)
def tables_may_be_emptied():
    """Empty the test database between tests, whose tables refuse TRUNCATE everywhere else.

    Django empties it after a test that commits. Only a superuser of PostgreSQL can switch triggers
    off like this, and only the flush does: within a test each table refuses as it does in use.
    """
    flush = DatabaseOperations.sql_flush

    def sql_flush(*args, **options):
        emptying = flush(*args, **options)
        return ["SET LOCAL session_replication_role = replica", *emptying] if emptying else []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        yield


@pytest.fixture
def noon():
    return NOON
