"""Payments by a number that is shown once and kept as a keyed hash only (protocol §2)."""

from benefits.services import plans
from config.wire.numbers import Number, NumberKind
from settlement.models import Preapproval, Redemption


def references_of(*, number: Number) -> list[str]:
    """Return the references of the payments that ``number`` was given for, none for a wrong one.

    A PSN tells nothing beyond its TSN. Nobody's rights are asked here: what is found is looked for
    among what a person may see.
    """
    if number.kind is not NumberKind.APPROVAL:
        return plans.documents_of(tsn=number.value)
    paid = Redemption.objects.filter(
        preapproval__number_hash=Preapproval.hash_of(number=number.value), payment__isnull=False
    )
    return list(paid.values_list("payment__reference", flat=True))
