"""What sweeps could not end, tried again."""

from datetime import datetime
from typing import Final

from settlement.services import closing_jobs, earnings
from settlement.services.checkouts import ending
from settlement.services.payments import answers, expiry
from settlement.services.preapprovals import ending as preapprovals
from settlement.services.redemptions import suspense

SWEEPS: Final = (
    *(expiry.SWEEP, answers.SWEEP, ending.SWEEP, earnings.SWEEP),
    *(preapprovals.SWEEP, suspense.SWEEP, closing_jobs.SWEEP),
)


def try_again(*, at: datetime, limit: int) -> int:
    """Try up to ``limit`` of each kind; return how many no longer stand in the way."""
    return sum(sweep.try_again(at=at, limit=limit) for sweep in SWEEPS)
