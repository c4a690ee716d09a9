"""A script of virtual time follows from its seed alone."""

from dataclasses import replace

from settlement.simulation.plan import FaultKind
from settlement.simulation.sales import TillFault
from settlement.simulation.virtual import script
from settlement.simulation.virtual.script import READERS, Kind


def made(seed=7, *, events=300, kinds=frozenset(FaultKind)):
    return script.make(seed=seed, events=events, kinds=kinds)


def test_a_seed_is_the_whole_script():
    assert made(7) == made(7)
    assert made(7).digest() != made(8).digest()


def test_faults_change_no_event():
    assert made(kinds=()) == replace(made(), faults=())


def test_one_kind_of_fault_does_not_change_another():
    alone = made(kinds=[FaultKind.POWER_CUT])
    assert alone.faults == tuple(
        fault for fault in made().faults if fault.kind is FaultKind.POWER_CUT
    )


def test_faults_of_tills_change_no_intent():
    with_faults = made(kinds=frozenset(TillFault))
    assert {trouble.kind for trouble in with_faults.sales.troubles} == set(TillFault)
    calm = replace(with_faults.sales, troubles=())
    assert replace(with_faults, sales=calm) == made(kinds=())


def test_each_kind_of_fault_is_there():
    assert {fault.kind for fault in made().faults} == set(FaultKind)


def test_every_intent_is_there_and_names_somebody():
    made_script = made()
    assert {event.kind for event in made_script.events} == set(Kind)
    for event in made_script.events:
        assert event.card < made_script.cards[event.phone]
        assert event.reader < READERS


def test_only_a_blocked_card_is_unblocked():
    blocked = set()
    for event in made(events=2000).events:
        if event.kind is Kind.BLOCK:
            blocked.add((event.phone, event.card))
        elif event.kind is Kind.UNBLOCK:
            blocked.remove((event.phone, event.card))


def test_the_smallest_script():
    assert len(made(events=1).events) == 1
