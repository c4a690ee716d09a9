"""The world of the settlement pages, with a customer who has amounts approved beforehand."""

import pytest

from config.roles import Role
from tests.factories import preapprovals
from tests.settlement_portal.world import payer_of


@pytest.fixture
def payer(world):
    return payer_of(world)


@pytest.fixture
def made(world, payer):
    """50,000 won of cash, approved; the number is in clear here alone."""
    return preapprovals.approved(payer, 50_000, at=world.now)


@pytest.fixture
def machine(world):
    return preapprovals.atm(store=world.merchant.stores.get())


@pytest.fixture
def parked(world, made, machine):
    """A redemption of which the machine says that it does not know."""
    begun = machine.takes(made, at=world.now)
    return machine.reports(begun, "UNKNOWN", journal="feeding 1x50000; power cut", at=world.now)


@pytest.fixture
def risk(staff):
    return staff(Role.ISSUER_RISK)


@pytest.fixture
def operations(staff):
    return staff(Role.ISSUER_OPERATIONS)
