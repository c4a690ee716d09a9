"""What a merchant pays for one payment: the agreement in force at the sale, in exact integers.

The sale's time is the one that counts, as for who bears it: a reader's clock picks no agreement.

Amounts and fees are minor units, times epoch seconds, ``fee_bps`` hundredths of a percent.

With ₩100 per online approval, ₩20 per offline record and 80 bps:

========  =======  ==========================  =====
amount    paid     reckoning                   fee
========  =======  ==========================  =====
10,000    online   100 + 10,000 × 80 / 10,000  180
10,000    offline  20 + 10,000 × 80 / 10,000   100
12,345    offline  20 + ⌊98.76⌋                118
1         offline  20 + ⌊0.008⌋                20
========  =======  ==========================  =====
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

_BPS: Final = 10_000


class Terms(NamedTuple):
    """An agreement's fees from ``since`` on; the flat parts are in minor units of ``currency``."""

    since: float
    currency: str
    online_fee_minor: int
    offline_fee_minor: int
    fee_bps: int


def in_force(agreed: Sequence[Terms], *, at: int) -> Terms | None:
    """Return the terms in force at ``at`` of those ``agreed`` with a merchant, None before all."""
    found = None
    for terms in agreed:
        if terms.since <= at and (found is None or terms > found):
            found = terms
    return found


def fee_of(
    agreed: Sequence[Terms], *, amount_minor: int, currency: str, at: int, online: bool
) -> int:
    """
    Return the fee in minor units of ``currency`` for a payment made at ``at``.

    The share of the amount is rounded down to the minor unit. The flat part is agreed in the
    merchant's currency and is not charged on a payment in another. Without an agreement there is no
    fee.
    """
    terms = in_force(agreed, at=at)
    if terms is None:
        return 0
    flat = terms.online_fee_minor if online else terms.offline_fee_minor
    return (flat if currency == terms.currency else 0) + amount_minor * terms.fee_bps // _BPS
