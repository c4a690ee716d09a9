"""What a customer's phone may see of its owner's payments."""

from collections.abc import Sequence

from django.db.models import Prefetch

from settlement.models import Payment, Refund

PAGE = 100


def payments_of_customer(*, customer: str, after: str) -> Sequence[Payment]:
    """Return the payments made with the customer's cards, oldest first, after the one named.

    ``customer``: reference; ``after``: a payment's reference, "" for the beginning. An unknown one,
    or another customer's, begins anew, for nothing is ever taken away.
    """
    rows = (
        Payment.objects.filter(card__account__holder=customer)
        .select_related("card", "merchant", "store")
        .prefetch_related(Prefetch("refunds", queryset=Refund.objects.order_by("id")))
        .order_by("id")
    )
    last = rows.filter(reference=after).values_list("id", flat=True).first()
    return list(rows.filter(id__gt=last)[:PAGE] if last else rows[:PAGE])
