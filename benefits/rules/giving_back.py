"""What a refund gives back of a purchase that benefits paid a part of (mission §2, 2.10).

Discounts go with the goods. What the customer really gave for them, money, gift cards and points,
comes back in proportion: to the payment means, which come first, rounded up to the minor unit, to
gift cards and points rounded down.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Paid(NamedTuple):
    """A purchase as it was paid, minor units: the remainder, and the lines that come back.

    ``lines``: of points and gift cards, in the order they were taken.
    """

    purchase_minor: int
    remainder_minor: int
    lines: Sequence[int]


class Back(NamedTuple):
    """What comes back: to the payment means, and to each line."""

    tender_minor: int
    lines: list[int]


def back_of(*, paid: Paid, before_minor: int, amount_minor: int) -> Back:
    """Return what refunding ``amount_minor`` of the purchase brings after ``before_minor`` of it.

    Never less than nothing, and refunds add up: two of them bring what one of their sum would, and
    all together exactly what was paid. Above the purchase is the caller's to refuse.
    """
    after = _back_by(paid, before_minor + amount_minor)
    before = _back_by(paid, before_minor)
    return Back(
        tender_minor=after.tender_minor - before.tender_minor,
        lines=[now - then for now, then in zip(after.lines, before.lines, strict=True)],
    )


def _back_by(paid: Paid, refunded: int) -> Back:
    whole = paid.purchase_minor
    return Back(
        tender_minor=-(-paid.remainder_minor * refunded // whole),
        lines=[line * refunded // whole for line in paid.lines],
    )
