"""Grants: once per key, within time and budget; one benefit alone by command; the demo's."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from benefits.models import Accrual, Holding, StampCard
from benefits.rules.vocabulary import Kind
from benefits.selectors.held import available_to
from benefits.services import catalogue, holdings
from benefits.services.holdings import BenefitNotOut, BudgetExhausted, Worth, WorthMissing
from config.audit import SYSTEM
from settlement.services import demo
from tests.factories import benefits as made
from tests.factories.wallets import CustomerFactory
from wallets.models import Customer

pytestmark = pytest.mark.django_db


def test_a_grant_counts_once_per_key(noon):
    customer, coupons, points = CustomerFactory(), made.definition(), made.definition(Kind.POINTS)
    for key in ("", "", "a", "a"):
        made.held(customer, of=coupons, key=key, at=noon)
        made.held(customer, of=points, key=key, at=noon)
    assert Holding.objects.filter(definition=coupons).count() == 2
    assert Holding.objects.get(definition=points).balance_minor == 20_000


def test_what_is_not_out_is_not_granted(noon):
    paused, over = made.definition(), made.definition(ends_at=noon)
    catalogue.pause(definition=paused, actor=SYSTEM, at=noon)
    for of in (paused, over):
        with pytest.raises(BenefitNotOut):
            made.held(CustomerFactory(), of=of, at=noon)


def test_a_grant_above_the_budget_leaves_nothing(noon):
    of = made.definition(Kind.GIFT_CARD, budget_minor=15_000)
    made.held(CustomerFactory(), of=of, at=noon)
    with pytest.raises(BudgetExhausted):
        made.held(CustomerFactory(), of=of, at=noon)
    assert Holding.objects.count() == 1


def test_a_balance_needs_an_amount(noon):
    with pytest.raises(WorthMissing):
        made.held(CustomerFactory(), Kind.POINTS, worth=Worth(), at=noon)


def granted(*more, customer=None, **told):
    out = StringIO()
    said = {"customer": (customer or CustomerFactory()).reference, "currency": "KRW"} | told
    named = [text for name, value in said.items() for text in (f"--{name}", str(value))]
    call_command("benefit_grant", *named, *more, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.mark.parametrize("kind", [kind.value for kind in Kind])
def test_a_benefit_of_each_kind_is_granted_by_command(kind, till):
    worth = () if kind == "CASH_RECEIPT" else ("--amount", "2000")
    told = granted(*worth, merchant=till.merchant.reference, kind=kind)
    holding = Holding.objects.get(reference=told["benefit"])
    (share,) = holding.definition.shares.all()
    assert (holding.kind, share.sponsor.owner) == (kind, till.merchant.reference)


def test_a_command_that_makes_no_benefit_is_refused(till):
    with pytest.raises(SystemExit):
        granted(merchant=till.merchant.reference, kind="GRADE")
    with pytest.raises(SystemExit):
        granted("--amount", "1", merchant="MER-NONE", kind="GRADE")


def test_the_demos_customers_hold_benefits_of_every_kind(noon):
    for _ in range(2):
        demo.seed(at=noon)
    first = Customer.objects.order_by("pk").first()
    kinds = {each.benefit.kind for each in available_to(customer=first, at=noon)}
    assert kinds == set(Kind) - {Kind.COUPON_ITEM, Kind.STAMP}
    assert StampCard.objects.filter(stamps__gte=1).exists()
    assert Accrual.objects.count() == sum(place % 9 for place in range(40))


def test_a_repeated_grant_takes_no_more_budget(noon):
    of, customer = made.definition(Kind.POINTS, budget_minor=10_000), CustomerFactory()
    for _ in range(2):
        holdings.grant(definition=of, customer=customer, worth=Worth(amount_minor=9_000), at=noon)
    assert sum(of.slots.values_list("taken_minor", flat=True)) == 9_000
