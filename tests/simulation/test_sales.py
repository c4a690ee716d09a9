"""What tills do in a run: drawn from its seed, apart from the taps."""

from dataclasses import replace

import pytest

from settlement.simulation import plan, sales
from settlement.simulation.plan import FaultKind
from settlement.simulation.sales import OF_A_SALE, Fate, SalesPlan, TillFault

ALL = [*FaultKind, *TillFault]


def drawn(*, seed=5, tills=3, rounds=10, kinds=tuple(TillFault)):
    return sales.make(seed=seed, tills=tills, rounds=rounds, kinds=kinds)


def test_the_same_seed_wants_the_same():
    assert drawn() == drawn()
    assert drawn() != drawn(seed=6)


def test_without_tills_there_are_no_sales():
    assert drawn(tills=0) == SalesPlan()


def test_other_faults_leave_the_sales_alone():
    assert drawn(kinds=()) == replace(drawn(), troubles=())


@pytest.mark.parametrize("seed", range(5))
def test_tills_leave_the_taps_of_a_seed_alone(seed):
    words = {"seed": seed, "phones": 3, "readers": 2, "rounds": 8, "kinds": ALL}

    without, beside = plan.make(tills=0, **words), plan.make(tills=2, **words)

    assert replace(beside, market=SalesPlan()) == without


def test_every_kind_of_fault_is_drawn_where_it_can_happen():
    made = drawn()
    numbers = {sale.number for sale in made.sales}

    assert {trouble.kind for trouble in made.troubles} == set(TillFault)
    for trouble in made.troubles:
        among = numbers if trouble.kind in OF_A_SALE else range(made.tills)
        assert trouble.subject in among


def test_every_fate_and_both_ways_to_a_till():
    made = drawn(rounds=40)

    assert {sale.fate for sale in made.sales} == set(Fate)
    assert {sale.by_relay for sale in made.sales} == {True, False}
    assert {sale.shopper for sale in made.sales} == set(range(made.shoppers))
