"""One database per worker on real PostgreSQL; clocks, factories and people come from here."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db.backends.postgresql.operations import DatabaseOperations

pytest_plugins = ["tests.journeys.portal"]  # the running product, for journeys, browser and docs

NOON = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)  # noon in Seoul
EMPTY = """
DO $$ DECLARE name text; has_rows boolean; BEGIN
  FOREACH name IN ARRAY ARRAY[%s] LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %%I)', name) INTO has_rows;
    IF has_rows THEN EXECUTE format('DELETE FROM %%I', name); END IF;
  END LOOP;
END $$"""


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory):
    """Keys of the file provider lie in a folder of this run alone."""
    from django.conf import settings

    settings.DATA_DIR = tmp_path_factory.mktemp("paydesk")
    return settings.DATA_DIR


@pytest.fixture(scope="session", autouse=True)
def tables_may_be_emptied():
    """Empty the test database between tests, whose tables refuse it everywhere else.

    Django empties it after a test that commits. Only a superuser of PostgreSQL can switch triggers
    off like this, and only the flush does: within a test each table refuses as it does in use. Most
    tables are empty then, and TRUNCATE would give each of them and of their indexes a new file.
    """

    def sql_flush(self, style, tables, *, reset_sequences=False, allow_cascade=False):
        assert not reset_sequences
        names = ", ".join(f"'{table}'" for table in tables)
        return ["SET LOCAL session_replication_role = replica", EMPTY % names] if tables else []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        yield


@pytest.fixture(scope="session", autouse=True)
def passwords_cost_little():
    """Hash passwords as the portal does, but in 1 ms instead of 60."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Argon2PasswordHasher, "time_cost", 1)
        patch.setattr(Argon2PasswordHasher, "memory_cost", 64)
        patch.setattr(Argon2PasswordHasher, "parallelism", 1)
        yield


@pytest.fixture
def noon():
    return NOON
