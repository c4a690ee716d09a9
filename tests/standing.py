"""Rows that the tests of a module stand on: written once, and found by each as they were.

They are written in a transaction around the module's tests, and each test rolls back to where it
began, as it does anyway; its own fixture hands it a copy of the objects. A test that commits can
have no transaction round it: it stands in a module of its own and builds what it needs.
"""

import pytest
from django.db import transaction


@pytest.fixture(scope="module")
def module_rows(django_db_setup, django_db_blocker):
    """Keep what the fixtures of a module write until its last test has ended."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
