"""What a customer's phone may see of its owner's payments."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import Prefetch, Q

from settlement.models import Payment, Refund
from settlement.selectors import benefit_lines

PAGE = 100


class Own(NamedTuple):
    """A payment of the customer's, and what benefits paid of it, line by line."""

    payment: Payment
    lines: list[dict[str, Any]]


def payments_of_customer(*, customer: str, after: str) -> Sequence[Own]:
    """Return the payments made with the customer's cards or plans, oldest first, after the one
    named.

    ``customer``: reference; ``after``: a payment's reference, "" for the beginning. An unknown one,
    or another customer's, begins anew, for nothing is ever taken away.
    """
    rows = (
        Payment.objects.filter(
            Q(card__account__holder=customer) | Q(checkout__plan__customer__reference=customer)
        )
        .select_related("card", "merchant", "store", "request")
        .prefetch_related(Prefetch("refunds", queryset=Refund.objects.order_by("id")))
        .order_by("id")
    )
    last = rows.filter(reference=after).values_list("id", flat=True).first()
    found = list(rows.filter(id__gt=last)[:PAGE] if last else rows[:PAGE])
    lines = benefit_lines.of(documents=[row.reference for row in found])
    return [Own(row, lines.get(row.reference, [])) for row in found]
