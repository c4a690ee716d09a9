"""What a receipt says beyond the payment itself: the purchase, each benefit, and what was left."""

from typing import NamedTuple

from benefits.models import Lock, Redemption
from settlement.models import Payment


class Taken(NamedTuple):
    """One benefit on a receipt, in minor units; 0 for what is attached only (a cash receipt)."""

    kind: str
    name: str
    amount_minor: int


class Purchase(NamedTuple):
    """What was bought where benefits paid a part, in minor units of the payment's currency.

    ``tender``: with what the remainder was paid, CASH CARD PSN, or NONE where nothing was left.
    """

    amount_minor: int
    taken: list[Taken]
    remainder_minor: int
    tender: str


def purchase_of(*, payment: Payment) -> Purchase | None:
    """Return the purchase behind ``payment``; None where no benefit is used for it. Two queries."""
    used = Redemption.objects.filter(
        document=payment.reference, state=Redemption.State.COMMITTED
    ).first()
    if used is None:
        return None
    lines = Lock.objects.filter(redemption=used).select_related("holding__definition")
    return Purchase(
        amount_minor=used.purchase_minor,
        taken=[
            Taken(line.holding.kind, line.holding.definition.name, line.amount_minor)
            for line in lines.order_by("turn")
        ],
        remainder_minor=used.remainder_minor,
        tender=used.tender,
    )
