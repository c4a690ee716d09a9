"""When redemptions at one merchant look farmed: coupons taken without customers.

A till that takes coupons and confirms most of them as paid in cash shows no payment that anybody
else has seen; mission §2 wants the share of cash on the sponsor's screen.
"""

from typing import Final

CASH_MUCH_BPS: Final = 5_000  # of the redemptions: more than this in cash is much
FROM_REDEMPTIONS: Final = 10  # fewer say nothing


def looks_farmed(*, redemptions: int, cash_bps: int) -> bool:
    """Return whether a sponsor had better look at it.

    :param cash_bps: the share that was confirmed as paid in cash, hundredths of a percent
    """
    return redemptions >= FROM_REDEMPTIONS and cash_bps > CASH_MUCH_BPS
