"""What faults make of a round."""

import pytest

from settlement.simulation import plan
from settlement.simulation.conditions import Conditions
from settlement.simulation.device import DAY_S
from settlement.simulation.plan import Fault, FaultKind, Tap

TAP = Tap(number=4, round=1, reader=0, phone=0, card=0, amount_minor=1, voids=False)


def conditions(kind, **more):
    empty = plan.make(seed=1, phones=2, readers=2, tills=0, rounds=5, kinds=())
    words = {"round": 1, "subject": 1, "rounds": 2} | more
    return Conditions(plan.replace(empty, faults=(Fault(kind=kind, **words),)))


@pytest.mark.parametrize(("number", "away"), [(0, False), (1, True), (2, True), (3, False)])
def test_a_phone_that_is_off_is_off_for_its_rounds(number, away):
    found = conditions(FaultKind.PHONE_OFF)
    assert found.phone_is_off(1, number) is found.phone_is_away(1, number) is away
    assert not found.phone_is_off(0, number)


def test_a_lost_command_leaves_the_phone_on():
    found = conditions(FaultKind.LOST_COMMAND)
    assert found.phone_is_away(1, 1)
    assert not found.phone_is_off(1, 1)


def test_a_reader_offline_for_days_has_an_old_list_by_its_own_clock():
    found = conditions(FaultKind.READER_DAYS)
    assert found.reader_is_away(1, 1)
    assert found.reader_skew_s(1, 1) == (2 * DAY_S, FaultKind.READER_DAYS)


@pytest.mark.parametrize(
    ("variant", "reader_s", "phone_s"),
    [(0, DAY_S, 0), (1, -DAY_S, 0), (2, 0, DAY_S), (3, 0, -DAY_S)],
)
def test_a_skewed_clock_is_a_day_off(variant, reader_s, phone_s):
    found = conditions(FaultKind.CLOCK_SKEW, variant=variant)
    assert found.reader_skew_s(1, 1) == (reader_s, FaultKind.CLOCK_SKEW)
    assert found.phone_skew_s(1, 1) == phone_s


def test_a_power_cut_is_of_one_tap():
    found = conditions(FaultKind.POWER_CUT, subject=4, variant=1)
    assert found.cut(TAP) == ("reader", "after")
    assert found.cut(plan.replace(TAP, number=5)) == ("", "")
    assert not found.reader_is_away(4, 1)
