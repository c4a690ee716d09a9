"""What a customer who comes to the demo may use: of the campaigns that its seeds published."""

from datetime import datetime
from typing import Final

from benefits.models import Definition
from benefits.services import holdings
from benefits.services.holdings import BenefitNotOut, BudgetExhausted, Worth
from wallets.models import Customer

_WORTHS: Final = {
    "Welcome to Mapo": Worth(),
    "Bread week": Worth(),
    "Mapo points": Worth(amount_minor=2_500),
    "Hangang day": Worth(),
    "Book voucher": Worth(amount_minor=30_000),
    "Cash receipt": Worth(identifier="010-5550-0000"),
}


def grant(*, customer: Customer, at: datetime) -> None:
    """Grant ``customer`` what is still out; what has ended, or has no budget left, is left out."""
    out = Definition.objects.filter(name__in=_WORTHS, state=Definition.State.PUBLISHED)
    first = {definition.name: definition for definition in out.order_by("-pk")}
    for name, worth in _WORTHS.items():
        if name in first:
            _grant(first[name], customer, worth, at)


def _grant(definition: Definition, customer: Customer, worth: Worth, at: datetime) -> None:
    try:
        holdings.grant(definition=definition, customer=customer, worth=worth, at=at)
    except (BenefitNotOut, BudgetExhausted):
        return
