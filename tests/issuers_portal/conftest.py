"""An issuer's house as its staff see it: pages read the clock, so the scene is built around now."""

from copy import deepcopy

import pytest
from django.urls import reverse
from django.utils import timezone

from config.roles import KIND_OF, Role, TenantKind
from tests.factories.config import member, signed_in
from tests.issuers_portal import scene as scenes


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture(scope="module")
def scene_that_stands(module_rows):
    return scenes.build(at=timezone.now())


@pytest.fixture
def scene(scene_that_stands, db):
    return deepcopy(scene_that_stands)


@pytest.fixture
def other(db, now):
    """Another card company, with a card, a phone and a version of its own."""
    other = scenes.build(at=now, cards=1, readers=0, name="Elsewhere Card")
    other.block(0, at=now)
    return other


@pytest.fixture
def desk(scene):
    """Return a function that signs in somebody with a role, at the scene's issuer if it has one."""

    def sit_down(role):
        at_issuer = KIND_OF[Role(role)] == TenantKind.ISSUER
        at_platform = KIND_OF[Role(role)] == TenantKind.PLATFORM
        tenant = scene.issuer.reference if at_issuer else "" if at_platform else "MER-ELSEWHERE"
        return signed_in(member(role, tenant, name="Mina Park"))

    return sit_down


@pytest.fixture
def risk(desk):
    return desk(Role.ISSUER_RISK)


@pytest.fixture
def operations(desk):
    return desk(Role.ISSUER_OPERATIONS)


@pytest.fixture
def at(scene):
    """Return a function from a page's name to its address at the scene's issuer."""

    def address(name, *args, query=""):
        return reverse(name, args=[scene.issuer.reference, *args]) + query

    return address
