"""The world of ``world.py``, and people of each role in it with their browsers."""

from copy import deepcopy

import pytest
from django.utils import timezone

from config.roles import Role
from tests.factories.config import member, signed_in
from tests.settlement_portal.world import made

SOURCE = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.fixture(autouse=True)
def static_from_source(settings):
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": SOURCE}}


@pytest.fixture(scope="module")
def world_that_stands(module_rows):
    return made()


@pytest.fixture
def world(world_that_stands, db):
    world = deepcopy(world_that_stands)
    world.now = world.shop.now = world.other_shop.now = timezone.now()
    return world


@pytest.fixture
def staff(world):
    """Return a browser signed in as somebody of the world by role, at ``tenant`` if named."""

    def sign_in(role, tenant=None):
        where = {"MERCHANT": world.merchant.reference, "ISSUER": world.issuer.reference}
        return signed_in(
            member(role, where.get(role.split("_")[0], "") if tenant is None else tenant)
        )

    return sign_in


@pytest.fixture
def cashier(staff):
    return staff(Role.MERCHANT_CASHIER)


@pytest.fixture
def owner(staff):
    return staff(Role.MERCHANT_OWNER)


@pytest.fixture
def auditor(staff):
    return staff(Role.ISSUER_AUDITOR)


@pytest.fixture
def clerk(staff):
    return staff(Role.SETTLEMENT_CLERK)


@pytest.fixture
def stranger(staff, world):
    """Somebody who owns the second shop."""
    return staff(Role.MERCHANT_OWNER, world.other_shop.merchant.reference)
