"""Customers: people with cards and phones."""

from datetime import datetime

from django.db import transaction

from config import audit, references
from config.audit import Actor
from config.refusals import NotFound, Refused
from wallets.models import Customer


class CustomerNameMissing(Refused):
    code = "name_missing"
    title = "A name is needed"


@transaction.atomic
def add(*, name: str, actor: Actor, at: datetime) -> Customer:
    """Add a customer.

    :raises CustomerNameMissing: the name is blank
    """
    if not name.strip():
        raise CustomerNameMissing
    customer = Customer.objects.create(reference=references.new("CUS"), name=name.strip())
    audit.record(
        actor=actor,
        action="customer.add",
        subject_kind="customer",
        subject=customer.reference,
        at=at,
    )
    return customer


def refuse_unknown(*, owner: str, store: str) -> None:
    """Refuse an enrolment code for a customer who is not there; a phone stands in no store.

    :raises NotFound: no such customer
    """
    if store or not Customer.objects.filter(reference=owner).exists():
        raise NotFound(f"No customer {owner}.")
