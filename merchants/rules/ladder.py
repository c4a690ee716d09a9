"""When a webhook that failed is tried again: soon at first, then rarer, for three days."""

from datetime import datetime, timedelta
from typing import Final

_MINUTE, _HOUR = 60, 3600
# Seconds to wait after the first failure, the second, and so on: 72 hours and 3 minutes in all.
WAITS_S: Final = (
    *(5, 30, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR, 12 * _HOUR, 12 * _HOUR, 16 * _HOUR),
    16 * _HOUR + 20 * _MINUTE,
)
TRIES_MAX: Final = len(WAITS_S) + 1
JITTER: Final = 0.1  # each wait is up to a tenth longer, so that a shop's backlog spreads out
PAUSED_AFTER: Final = timedelta(days=3)  # without a single success, an endpoint is paused


def next_try(*, tries: int, at: datetime, draw: float) -> datetime | None:
    """
    Return when to try again after the failure number ``tries`` at ``at``; None: given up.

    ``draw``: a random number from 0 up to 1.
    """
    if tries >= TRIES_MAX:
        return None
    return at + timedelta(seconds=WAITS_S[tries - 1] * (1 + JITTER * draw))


def is_hopeless(*, failing_since: datetime, at: datetime) -> bool:
    """Return whether an endpoint that failed ever since is to be paused."""
    return at - failing_since >= PAUSED_AFTER
