"""What a take reads by statements of its own is what the models say."""

from datetime import timedelta

import pytest

from benefits.models import CostShare, Holding, Lock
from benefits.rules.vocabulary import Kind
from benefits.selectors import held as held_selectors
from benefits.services.holdings import Worth
from benefits.services.locks import reading
from config import rows
from tests.factories import benefits as made

pytestmark = pytest.mark.django_db
ALL = [name for name in Kind if name is not Kind.POINTS]


@pytest.fixture
def chosen(customer, noon):
    """Return a holding of each kind, one with a budget, and points in three lots, one of them over,
    one without end."""
    shares = [(made.sponsor(name), bps) for name, bps in (("A", 3_000), ("B", 3_500), ("C", 3_500))]
    terms = {"shares": shares, "uses_in_all": 40, "stack_group": "g", "stores": ("STO-1",)}
    bounded = made.definition(budget_minor=10**6, excluded_kinds=("GRADE",), **terms)
    several = [made.held(customer, of=bounded, key=key, ends_at=noon) for key in "ab"]
    of = made.definition(Kind.POINTS)
    for key, days in (("late", 9), ("soon", 5), ("never", None), ("over", 1)):
        ends = None if days is None else noon + timedelta(days=days)
        points = made.held(customer, of=of, key=key, worth=Worth(amount_minor=100, expires_at=ends))
    return [*several, points, *(made.held(customer, kind) for kind in ALL)]


@pytest.fixture
def plan(shopper, chosen, noon):
    return made.plan_of(shopper.phone, *chosen[2:], (chosen[0], 700), chosen[1], at=noon).plan


def columns_of(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_what_is_read_is_what_the_models_say(plan, noon):
    later = noon + timedelta(days=2)
    read = reading.locked(plan_id=plan.pk, at=later)
    selections = {each.holding_id: each.amount_minor for each in plan.selections.all()}
    mine = Holding.objects.select_related("definition").filter(pk__in=selections).order_by("pk")
    said = held_selectors.of(holdings=mine, at=later)
    assert len(read.held) == len(said) == len(ALL) + 3
    for own, theirs in zip(read.held, said, strict=True):
        most = selections[theirs.holding.pk]
        assert own.benefit == (theirs.benefit if most is None else theirs.benefit.at_most(most))
        assert columns_of(own.holding) == columns_of(theirs.holding)
        assert columns_of(own.holding.definition) == columns_of(theirs.holding.definition)
        assert [columns_of(lot) for lot in own.lots] == [columns_of(lot) for lot in theirs.lots]
    plan.refresh_from_db()
    assert columns_of(read.plan) == columns_of(plan)
    assert columns_of(read.plan.device) == columns_of(plan.device)


def test_of_two_that_bear_as_much_the_first_is_named(plan, chosen, noon):
    payers = reading.locked(plan_id=plan.pk, at=noon).payers
    shares = CostShare.objects.filter(definition=chosen[0].definition_id).order_by("pk")
    first = next(share for share in shares if share.bps == 3_500)
    assert payers[chosen[0].definition_id] == first.sponsor.name


def test_a_column_that_the_driver_reads_otherwise_is_refused():
    with pytest.raises(AssertionError, match="not what the driver returns"):
        rows.columns(Lock, "l")
