"""A shop that pays for coupons, a customer who holds them, and whoever looks at the pages.

Pages read the clock, so what happens here happens now.
"""

from copy import deepcopy
from dataclasses import dataclass

import pytest
from django.urls import reverse
from django.utils import timezone

from benefits.models import Definition, Earning, Sponsor
from benefits.rules.earning import Earns
from benefits.services import earning_rules, locks
from benefits.services.earning_rules import EarningTerms
from config.audit import SYSTEM
from config.roles import KIND_OF, Role, TenantKind
from tests.factories import benefits as made
from tests.factories import issuers
from tests.factories.config import member, signed_in
from tests.factories.requests import Payer, payer
from wallets.models import Customer, Phone


@dataclass
class Scene:
    """One shop with its till, a published coupon of 1,000 KRW, a rule that gives it for a full
    card, and a customer who holds it."""

    till: made.Counter
    sponsor: Sponsor
    brand: Sponsor
    coupon: Definition
    rule: Earning
    shopper: Payer
    customer: Customer

    @property
    def owner(self):
        return self.till.merchant.reference

    def redeem(self, *, tender="CASH", definition=None, amount=10_000):
        """Let the customer redeem a benefit; return its document."""
        now = timezone.now()
        key = f"k{self.till.taken}"
        holding = made.held(self.customer, of=definition or self.coupon, at=now, key=key)
        plan = made.plan_of(self.shopper.phone, holding, at=now).plan
        document = self.till.takes(plan, amount, at=now).redemption.document
        locks.commit(document=document, tender=tender, at=now)
        return document


@pytest.fixture
def scene(scene_that_stands, db):
    return deepcopy(scene_that_stands)


@pytest.fixture(scope="module")
def scene_that_stands(module_rows):
    till, shopper = made.counter(), payer()
    merchant = till.merchant
    sponsor = made.sponsor_of(merchant)
    brand = made.sponsor("Hangang Flour")
    coupon = made.definition(
        name="Welcome",
        shares=[(sponsor, 6_667), (brand, 3_333)],
        merchants=(merchant.reference,),
        stack_group="welcome",
        budget_minor=100_000,
    )
    rule = earning_rules.add(
        merchant=merchant,
        gives=coupon,
        terms=EarningTerms(earns=Earns(stamps_needed=3)),
        actor=SYSTEM,
        at=timezone.now(),
    )
    customer = Phone.objects.get(device=shopper.phone).customer
    return Scene(till, sponsor, brand, coupon, rule, shopper, customer)


@pytest.fixture
def desk(scene):
    """Return a function that signs in somebody with a role, at the scene's shop if it has one."""

    def sit_down(role, tenant=None):
        places = {
            TenantKind.MERCHANT: scene.owner,
            TenantKind.SPONSOR: scene.brand.reference,
            TenantKind.ISSUER: "ISS-ELSEWHERE",
        }
        here = places.get(KIND_OF[Role(role)], "") if tenant is None else tenant
        return signed_in(member(role, here))

    return sit_down


@pytest.fixture
def manager(desk):
    return desk(Role.MERCHANT_MANAGER)


@pytest.fixture
def at(scene):
    """Return a function from a page's name to its address at the scene's shop."""

    def address(name, *args, query="", owner=None):
        return reverse(name, args=[owner or scene.owner, *args]) + query

    return address


@pytest.fixture
def bank(db):
    return issuers.issuer()
