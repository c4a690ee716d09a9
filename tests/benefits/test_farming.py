"""When a merchant's redemptions look farmed, to the redemption and the hundredth of a percent."""

import pytest

from benefits.rules.farming import looks_farmed


@pytest.mark.parametrize(
    ("redemptions", "cash_bps", "looks"),
    [(10, 5_001, True), (10, 5_000, False), (9, 10_000, False), (1_000, 5_001, True)],
)
def test_more_than_half_in_cash_of_ten_or_more(redemptions, cash_bps, looks):
    assert looks_farmed(redemptions=redemptions, cash_bps=cash_bps) is looks
