"""Sales at the portal's own tills: each act is that of the terminal it plays (protocol §4.1)."""

from datetime import datetime

from django.db import transaction

from config import audit, devices
from config.audit import Actor
from config.refusals import Refused
from merchants.models import Merchant
from merchants.selectors.tills import made_at
from merchants.services import tills
from merchants.services.tills import Wish
from settlement.rules.requests import Request
from settlement.services import payments
from settlement.services.payments.requests import Asked


def ring_up(*, merchant: Merchant, store: str, wish: Wish, actor: Actor, at: datetime) -> Request:
    """
    Ask for a payment at the till of ``store`` (its reference); a wish that came before is the same
    sale, as it stands now.

    The T-ID is committed before the request is made: whatever is lost between the two, no other
    sale gets it, and the same wish again goes on with it.

    :raises NotFound: the merchant has no such store in use
    :raises TillOutOfService, MerchantSuspended: as :func:`tills.number`
    :raises TidReused: the wish's key was used for another amount or order
    """
    numbered = tills.number(merchant=merchant, store=store, wish=wish, actor=actor, at=at)
    devices.seen(device=numbered.device, at=at)
    asked = Asked(numbered.tid, wish.amount_minor, wish.currency, wish.order, None)
    made, _is_new = payments.request(device=numbered.device, asked=asked, at=at)
    return made


def seen(*, merchant: Merchant, tid: str, at: datetime) -> Request:
    """Return a sale of one of the merchant's tills as it stands.

    :raises NotFound: none of its tills made that T-ID
    """
    till = made_at(merchant=merchant, tid=tid).till
    devices.seen(device=till.device, at=at)
    return payments.seen_by_terminal(device=till.device, tid=tid, at=at)


class SalePaid(Refused):
    code = "sale_paid"
    status = 409
    title = "The sale was paid: reverse or refund it from the payment's page"


@transaction.atomic
def cancel(*, merchant: Merchant, tid: str, actor: Actor, at: datetime) -> Request:
    """
    Cancel a sale at the till, as its terminal may: what was approved first is reversed.

    That is for the customer who was faster, so it ends with the T-ID's life. Giving money back
    later is not a cashier's right.

    :raises NotFound: none of the merchant's tills made that T-ID
    :raises SalePaid: it was approved, and the T-ID's life is over
    :raises AlreadyCleared, AlreadyRefunded: it was approved, and is past reversing
    """
    till = made_at(merchant=merchant, tid=tid).till
    sale = payments.seen_by_terminal(device=till.device, tid=tid, at=at)
    if sale.state == "APPROVED" and sale.expires_at is not None and at >= sale.expires_at:
        raise SalePaid
    after = payments.cancel(device=till.device, tid=tid, at=at)
    audit.record(
        actor=actor,
        action="till.cancel",
        subject_kind="payment",
        subject=after.reference,
        tenant=after.shop.merchant,
        at=at,
        after={"state": after.state},
    )
    return after


def give_to_another(*, merchant: Merchant, tid: str, at: datetime) -> Request:
    """
    Take the claim back from the phone that has the sale open, so that another phone can pay it.

    :raises NotFound: none of the merchant's tills made that T-ID
    :raises PaymentFinal, PaymentApproving: as :func:`payments.take_back`
    """
    till = made_at(merchant=merchant, tid=tid).till
    return payments.take_back(device=till.device, tid=tid, at=at)
