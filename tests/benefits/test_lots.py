"""Points are spent from the lots that expire first (mission §2)."""

from datetime import timedelta

import pytest

from benefits.rules.lots import Lot, TooFewPoints, balance_of, spent_of
from tests.benefits.built import NOON

LOTS = [Lot(name, 500, NOON + timedelta(days=days)) for name, days in (("b", 9), ("a", 2))]
OVER = Lot("over", 900, NOON)


def test_the_lot_that_expires_first_goes_first():
    spent = spent_of(lots=LOTS, amount_minor=700, at=NOON)
    assert [(each.lot.lot, each.amount_minor) for each in spent] == [("a", 500), ("b", 200)]


def test_what_has_expired_is_not_spent():
    assert balance_of(lots=[*LOTS, OVER], at=NOON) == 1_000
    assert balance_of(lots=[OVER], at=NOON - timedelta(seconds=1)) == 900
    with pytest.raises(TooFewPoints):
        spent_of(lots=[*LOTS, OVER], amount_minor=1_001, at=NOON)
