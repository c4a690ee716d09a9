"""Definitions: whole shares, fixed once published, budgets cut into slots."""

import pytest
from django.db import IntegrityError, connection, transaction

from benefits.models import BudgetSlot, CostShare, Definition
from benefits.models.definitions import KINDS
from benefits.rules.vocabulary import BenefitMalformed, Kind
from benefits.services import catalogue
from benefits.services.catalogue import SharesNotWhole, Terms
from config.audit import SYSTEM
from config.states import InvalidTransition
from tests.factories import benefits as made

pytestmark = pytest.mark.django_db
FIXED = Terms(name="Autumn", kind=Kind.COUPON_FIXED, currency="KRW", amount_minor=1_000)


def refused(sql, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_models_and_rules_know_the_same_kinds():
    assert [kind for kind, _name in KINDS] == list(Kind)


def test_shares_must_make_the_whole(noon):
    with pytest.raises(SharesNotWhole):
        catalogue.draft(terms=FIXED, shares=[(made.sponsor(), 9_999)], actor=SYSTEM, at=noon)


def test_the_database_wants_whole_shares_too(noon):
    drafted = catalogue.draft(terms=FIXED, shares=[(made.sponsor(), 10_000)], actor=SYSTEM, at=noon)
    with pytest.raises(IntegrityError):
        refused("UPDATE benefits_costshare SET bps = 9999 WHERE definition_id = %s", drafted.pk)


def test_a_benefit_is_worth_a_share_or_an_amount(noon):
    terms = Terms(name="Both", kind=Kind.GRADE, currency="KRW", amount_minor=1, percent_bps=1)
    with pytest.raises(BenefitMalformed):
        catalogue.draft(terms=terms, shares=[(made.sponsor(), 10_000)], actor=SYSTEM, at=noon)


def test_what_is_published_stays_as_it_is():
    published = made.definition()
    with pytest.raises(IntegrityError):
        refused("UPDATE benefits_definition SET amount_minor = 2 WHERE id = %s", published.pk)
    with pytest.raises(IntegrityError):
        refused("DELETE FROM benefits_costshare WHERE definition_id = %s", published.pk)
    assert CostShare.objects.filter(definition=published).count() == 1


def test_a_benefit_pauses_goes_on_and_ends(noon):
    published = made.definition()
    catalogue.pause(definition=published, actor=SYSTEM, at=noon)
    catalogue.publish(definition=published, actor=SYSTEM, at=noon)
    catalogue.end(definition=published, actor=SYSTEM, at=noon)
    with pytest.raises(InvalidTransition):
        catalogue.publish(definition=published, actor=SYSTEM, at=noon)
    assert Definition.objects.get().published_at == made.PUBLISHED


@pytest.mark.parametrize(("budget", "slots"), [(100_003, 16), (5, 5)])
def test_slots_make_the_budget(budget, slots):
    made.definition(budget_minor=budget)
    sizes = BudgetSlot.objects.values_list("size_minor", flat=True)
    assert (len(sizes), sum(sizes)) == (slots, budget)


def test_the_database_holds_the_slots_to_the_budget():
    published = made.definition(budget_minor=100)
    with pytest.raises(IntegrityError):
        refused(
            "UPDATE benefits_budgetslot SET size_minor = size_minor + 1 WHERE definition_id = %s",
            published.pk,
        )
