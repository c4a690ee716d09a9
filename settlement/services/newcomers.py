"""A customer who comes to the demo: a name, a card with money, benefits, and a code for a phone."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from benefits.services import welcome
from config import enrolment
from config.audit import SYSTEM
from config.models.devices import DeviceKind
from config.refusals import NotFound
from issuers.models import Programme
from settlement.services import demo, openings
from wallets.models import Customer
from wallets.services import customers

_KIND: Final = Programme.Kind.CHECK


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """The customer, and the one-time code in clear."""

    customer: Customer
    code: str


@transaction.atomic
def add(*, at: datetime) -> Newcomer:
    """
    Make a customer with a name of the demo's, a check card with its opening balance, the benefits
    that each of the demo's customers has, and a code.

    :raises NotFound: the demo's issuer is not there
    """
    offered = Programme.objects.filter(issuer__name=demo.ISSUER, kind=_KIND)
    programme = offered.select_related("issuer").order_by("pk").first()
    if programme is None:
        raise NotFound("The demo's issuer is not there: seed_demo makes it.")
    customer = customers.add(name=secrets.choice(demo.names()), actor=SYSTEM, at=at)
    openings.issue_card(
        programme=programme,
        holder=customer.reference,
        balance_minor=next(p.balance_minor for p in demo.PRODUCTS if p.kind == _KIND),
        actor=SYSTEM,
        at=at,
    )
    welcome.grant(customer=customer, at=at)
    made = enrolment.make_code(kind=DeviceKind.PHONE, owner=customer.reference, actor=SYSTEM, at=at)
    return Newcomer(customer=customer, code=made.code)
