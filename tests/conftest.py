"""One database per worker on real PostgreSQL; clocks, factories and people come from here."""

import gc
from datetime import UTC, datetime

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.management.commands import flush
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from whitenoise.middleware import WhiteNoiseMiddleware

from tests.leftovers import Watch

pytest_plugins = [
    "tests.journeys.portal",  # the running product, for journeys, browser and docs
    "tests.standing",
]

# A busy machine is no fault of what is tested: no example fails for the time it took. Examples that
# share a fixture undo what they did.
hypothesis_settings.register_profile(
    "paydesk",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("paydesk")

NOON = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)  # noon in Seoul
EMPTY = """
DO $$ DECLARE name text; has_rows boolean; BEGIN
  FOREACH name IN ARRAY ARRAY[%s] LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %%I)', name) INTO has_rows;
    IF has_rows THEN EXECUTE format('DELETE FROM %%I', name); END IF;
  END LOOP;
END $$"""
KEPT = {"auth_permission", "django_content_type"}  # as migrating left them


def pytest_collection_finish():
    """Keep what was loaded, which stays to the end, out of every search for garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory):
    """Keys of the file provider lie in a folder of this run alone."""
    from django.conf import settings

    settings.DATA_DIR = tmp_path_factory.mktemp("paydesk")
    return settings.DATA_DIR


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """End in an error where tests left committed rows: whoever ran after them counted those too."""
    with django_db_blocker.unblock():
        watch = Watch()
    yield watch
    with django_db_blocker.unblock():
        watch.look()
    gc.collect()  # a connection that a thread left open would keep the database from being dropped


@pytest.fixture(autouse=True)
def finds_nothing_of_others(request):
    """Let the first test that commits look at what those before left, which roll back."""
    marker = request.node.get_closest_marker("django_db")
    if marker and marker.kwargs.get("transaction"):
        assert not connection.in_atomic_block, "it shares a module with tests on rows that stand"
        request.getfixturevalue("django_db_setup").look_once()


@pytest.fixture(scope="session", autouse=True)
def tables_may_be_emptied():
    """Empty the test database between tests, whose tables refuse it everywhere else.

    Django empties it after a test that commits. Only a superuser of PostgreSQL can switch triggers
    off like this, and only the flush does: within a test each table refuses as it does in use. Most
    tables are empty then, and TRUNCATE would give each of them and of their indexes a new file.
    What migrating writes is left where it is, instead of being written again after each test.
    """

    def sql_flush(self, style, tables, *, reset_sequences=False, allow_cascade=False):
        assert not reset_sequences
        names = ", ".join(f"'{table}'" for table in tables if table not in KEPT)
        return ["SET LOCAL session_replication_role = replica", EMPTY % names] if tables else []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_args, **_told: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def passwords_cost_little():
    """Hash passwords as the portal does, but in 1 ms instead of 60."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Argon2PasswordHasher, "time_cost", 1)
        patch.setattr(Argon2PasswordHasher, "memory_cost", 64)
        patch.setattr(Argon2PasswordHasher, "parallelism", 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def static_files_are_found_once():
    """Look for the static files of the source at the first browser of a run, not at each."""
    found = {}
    find = WhiteNoiseMiddleware.add_files_from_finders

    def find_once(self):
        if not found:
            find(self)
            found.update(self.files)
        self.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", find_once)
        yield


@pytest.fixture
def noon():
    return NOON
