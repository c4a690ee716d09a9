"""Benefits of a plan in a payment that a phone approves: taken before the issuer is asked.

Locks in the house's order: the payment and the phone's counter are the caller's; then plan,
holdings and slots; the card and its account come after.
"""

from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from benefits.models import Holding, Plan, Redemption
from benefits.services import locks, plans, restoring
from benefits.services.locks import Basket
from config import pipeline
from config.models import Device
from issuers.models import Card
from merchants.models import Merchant, Store
from settlement.models import Checkout
from settlement.rules.requests import Request
from settlement.services import benefit_legs
from settlement.services.ledger import Draft
from settlement.services.payments.refusals import QuoteChanged
from wallets.services import pins


class Part(NamedTuple):
    """What benefits leave to the card of a payment, minor units."""

    by_card_minor: int

    @property
    def tender(self) -> str:
        """Return how benefits are told that the rest is paid."""
        return "PSN" if self.by_card_minor else "NONE"


@transaction.atomic
def take(
    *,
    request: Request,
    device: Device,
    plan: str,
    card: bytes,
    most_minor: int | None,
    at: datetime,
) -> Part:
    """
    Hold what the phone's own ``plan`` brings on ``request``, paid with ``card`` (its token).

    ``most_minor``: what the customer agreed to be left to the card, at most; refused, nothing is
    held.

    :raises NotFound, TsnExpired, TsnCancelled, TsnUsed: as :func:`plans.own`
    :raises QuoteChanged: the benefits leave more than that
    """
    taken = locks.take(
        plan=plans.own(device=device, reference=plan, at=at),
        document=request.reference,
        basket=Basket(request.amount_minor, request.currency),
        merchant=Merchant.objects.get(pk=request.shop.merchant_id),
        store=Store.objects.get(pk=request.shop.store_id),
        card=Card.objects.select_related("issuer", "programme").filter(token=card).first(),
        at=at,
    )
    check_most(left_minor=taken.redemption.remainder_minor, most_minor=most_minor)
    return Part(taken.redemption.remainder_minor)


def check_most(*, left_minor: int, most_minor: int | None) -> None:
    """Refuse what leaves more to the card than the customer agreed to.

    :raises QuoteChanged: it does
    """
    if most_minor is not None and left_minor > most_minor:
        raise QuoteChanged


def held_of(*, document: str) -> Part | None:
    """Lock what is held for ``document`` and return it; None where no benefits are.

    For who is about to lock a card, and commits or releases after that.
    """
    held = Redemption.objects.filter(document=document, state=Redemption.State.HELD)
    redemption = held.select_related("plan__device").first()
    if redemption is None:
        return None
    pipeline.run(pins.locked(device=redemption.plan.device))
    Plan.objects.select_for_update(no_key=True).get(pk=redemption.plan_id)
    of = Holding.objects.filter(locks__redemption=redemption).order_by("pk")
    list(of.select_for_update(no_key=True, of=("self",)))
    return Part(redemption.remainder_minor)


def commit(*, request: Request, tender: str, at: datetime) -> list[Draft]:
    """Use up what is held for ``request``; return what it posts beside the card's part."""
    borne = locks.commit(document=request.reference, tender=tender, at=at)
    return benefit_legs.of_sale(request, borne=borne)


def use_up(*, document: str, tender: str, at: datetime) -> None:
    """Use up a number whose benefits took nothing: there is nothing to post."""
    locks.commit(document=document, tender=tender, at=at)


def release(*, request: Request, at: datetime) -> None:
    """Give back what is held for ``request``."""
    locks.release(document=request.reference, at=at)


def release_held(*, document: str, at: datetime) -> None:
    """Give back what may be held for a document that ends unpaid."""
    if Redemption.objects.filter(document=document, state=Redemption.State.HELD).exists():
        locks.release(document=document, at=at)


def undo(*, document: str, key: str, at: datetime) -> None:
    """Give back the whole of what was used where no money of ours moved."""
    used = Redemption.objects.get(document=document)
    restoring.refund(document=document, key=key, amount_minor=used.purchase_minor, at=at)


def move_checkout(request: Request, *, to: str, **changes: Any) -> None:
    """Move the checkout in front of a SMART payment along with it; it is locked after that."""
    if request.channel == "SMART":
        checkout = Checkout.objects.select_for_update(no_key=True).get(reference=request.reference)
        checkout.transition(to, **changes)
