"""Budgets taken slot by slot: what is not had at once is let go of, in one transaction as in many.

The control leaves out what lets go.
"""

import pytest
from django.db import transaction

from benefits.models import BudgetSlot
from benefits.services import budgets
from benefits.services.budgets import Want
from benefits.services.catalogue import SLOTS
from config import pipeline
from config.pipeline import Statement
from tests.factories import benefits as made

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 12  # more often than it takes for the driver to prepare a statement


@pytest.fixture
def both():
    """Return what is wanted of a budget that has it, and of one that has it not; and the first."""
    roomy, tight = (made.definition(budget_minor=minor) for minor in (16_000, SLOTS))
    return {each.pk: Want(1_000, 1) for each in (roomy, tight)}, roomy


def free_slots(of):
    with transaction.atomic():
        slots = BudgetSlot.objects.filter(definition=of)
        return len(slots.select_for_update(no_key=True, skip_locked=True))


def taken_of(of):
    return sum(BudgetSlot.objects.filter(definition=of).values_list("taken_minor", flat=True))


def left_after(both, at_once):
    """Return how many slots another finds free while the taking's transaction goes on."""
    wants, roomy = both
    with transaction.atomic():
        assert len(budgets.take(wants=wants).exhausted) == 1
        (free,) = at_once([lambda: free_slots(roomy)])
    return free


def test_where_one_budget_is_spent_no_slot_of_the_other_is_kept(both, at_once):
    assert (left_after(both, at_once), taken_of(both[1])) == (SLOTS, 0)


def test_control_with_nothing_let_go_a_slot_would_stay(both, at_once, monkeypatch):
    monkeypatch.setattr(budgets, "_LET_GO", Statement("SELECT 1"))
    assert (left_after(both, at_once), taken_of(both[1])) == (SLOTS - 1, 1_000)


def test_a_connection_takes_and_lets_go_again_and_again(both):
    wants, roomy = both
    for _ in range(MANY):
        with transaction.atomic():
            assert len(budgets.take(wants=wants).exhausted) == 1
            taken = budgets.take(wants={roomy.pk: Want(1, 1)})
            pipeline.run(*taken.then)
    assert taken_of(roomy) == MANY
