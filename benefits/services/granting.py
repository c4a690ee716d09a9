"""One benefit given to one customer by hand, as support does."""

from datetime import datetime

from django.db import transaction

from benefits.models import Definition, Holding
from benefits.services import holdings
from benefits.services.holdings import NOTHING_MORE, Worth
from config import audit
from config.audit import Actor
from wallets.models import Customer


@transaction.atomic
def grant_by_hand(
    *,
    definition: Definition,
    customer: Customer,
    key: str,
    reason: str,
    tenant: str,
    actor: Actor,
    at: datetime,
    worth: Worth = NOTHING_MORE,
) -> Holding:
    """Give ``customer`` a benefit once per ``key``, and write down who did and why.

    :raises BenefitNotOut, BudgetExhausted, WorthMissing: as :func:`holdings.grant`
    """
    holding = holdings.grant(definition=definition, customer=customer, key=key, worth=worth, at=at)
    audit.record(
        actor=actor,
        action="benefit.grant",
        subject_kind="holding",
        subject=holding.reference,
        tenant=tenant,
        reason=reason,
        at=at,
        after={"benefit": definition.reference, "amount_minor": worth.amount_minor},
    )
    return holding
