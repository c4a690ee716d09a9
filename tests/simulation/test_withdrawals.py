"""What customers fetch at ATMs in a run: drawn from its seed, apart from taps and sales."""

from dataclasses import replace

from merchants.devices.atm_facts import Kind
from settlement.simulation import withdrawals
from settlement.simulation.withdrawals import CUT_MOMENTS, WORTHS, AtmFault, CashPlan, Want


def drawn(*, seed=5, customers=2, rounds=10, kinds=tuple(AtmFault)):
    return withdrawals.make(seed=seed, customers=customers, rounds=rounds, kinds=kinds)


def test_the_same_seed_wants_the_same():
    assert drawn() == drawn()
    assert drawn() != drawn(seed=6)


def test_without_customers_there_are_no_withdrawals():
    assert drawn(customers=0) == CashPlan()


def test_other_faults_leave_the_withdrawals_alone():
    assert drawn(kinds=()) == replace(drawn(), mishaps=())


def test_every_kind_of_fault_is_drawn_for_some_withdrawal():
    made = drawn()
    numbers = {each.number for each in made.withdrawals}

    assert {each.kind for each in made.mishaps} == set(AtmFault)
    assert {each.withdrawal for each in made.mishaps} <= numbers
    assert {each.moment for each in made.mishaps} <= set(range(1, CUT_MOMENTS + 1))


def test_every_want_is_drawn_and_no_notes_pay_the_odd_ones():
    made = drawn(rounds=60)

    assert {each.want for each in made.withdrawals} == set(Want)
    odd = [each.amount_minor % 10_000 for each in made.withdrawals if each.want is Want.ODD]
    assert all(odd)


def test_tickets_are_drawn_of_every_worth_beside_cash():
    made = drawn(rounds=60).withdrawals

    for kind, worths in WORTHS.items():
        wanted = [each for each in made if each.kind is kind and each.want is not Want.ODD]
        assert {each.amount_minor for each in wanted} == set(worths)
    assert sum(each.kind is Kind.CASH for each in made) > len(made) / 2
