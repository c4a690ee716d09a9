"""A plan follows from its seed alone."""

from dataclasses import replace

from settlement.simulation import plan
from settlement.simulation.plan import FaultKind


def made(seed=7, *, rounds=20, kinds=frozenset(FaultKind), phones=8, readers=3):
    return plan.make(seed=seed, phones=phones, readers=readers, tills=0, rounds=rounds, kinds=kinds)


def test_a_seed_is_the_whole_plan():
    assert made(7) == made(7)
    assert made(7).digest() == made(7).digest()
    assert made(7).digest() != made(8).digest()


def test_the_digest_of_a_known_seed_never_changes():
    assert made(7, rounds=1, kinds=()).digest() == (
        "9ac61be4cc1c7454dc04666d9efa9bbda8c5e23641dbe24ce0741ac2fe606741"
    )


def test_faults_change_no_intent():
    quiet = made(kinds=())
    assert quiet == replace(made(), faults=())


def test_one_kind_of_fault_does_not_change_another():
    alone = made(kinds=[FaultKind.LOST_COMMAND])
    assert alone.faults == tuple(
        fault for fault in made().faults if fault.kind is FaultKind.LOST_COMMAND
    )


def test_each_kind_of_fault_is_planned():
    assert {fault.kind for fault in made().faults} == set(FaultKind)


def test_a_phone_is_at_one_reader_at_a_time():
    at = [(tap.round, tap.phone) for tap in made(rounds=60).taps]
    assert len(at) == len(set(at))


def test_a_blocked_card_is_tried_in_the_two_rounds_that_follow():
    made_plan = made()
    tried = {(tap.round, tap.phone, tap.card) for tap in made_plan.taps}
    for act in made_plan.acts:
        if act.reason:
            after = {act.round + 1, act.round + 2} & set(range(made_plan.rounds))
            assert all((number, act.phone, act.card) in tried for number in after)


def test_the_smallest_plan():
    smallest = made(rounds=1, phones=1, readers=1)
    assert smallest.acts == ()
    assert all(tap.reader == 0 for tap in smallest.taps)
