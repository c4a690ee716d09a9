"""Refunds at a portal whose issuer decides by itself, and what that issuer has heard of them."""

from settlement.services import asking, payments
from tests.factories.merchants import SYSTEM


def give_back(payment, amount, at):
    return payments.refund(
        reference=payment.reference, amount_minor=amount, reason="Broken", actor=SYSTEM, at=at
    )


def tell_once(at):
    """Send what is due, once each, and write what came of it."""
    with asking.senders(clock=lambda: at) as under_way:
        outcomes = asking.turn(under_way=under_way, unsettled=[], clock=lambda: at, wait_s=5)
        while under_way.in_hand:
            outcomes += under_way.finished(wait_s=5)
        asking.turn(under_way=under_way, unsettled=outcomes, clock=lambda: at, wait_s=0.01)


def told(authority, payment):
    """Return what of ``payment`` the issuer believes to have gone back, by refund."""
    refunded = authority.state["refunded"]
    return {
        name: refund["amount"]
        for name, refund in refunded.items()
        if refund["document"] == payment.reference
    }


def left(authority, payment):
    """Return what the issuer believes to be spent of it, in minor units."""
    return authority.state["stands"][payment.reference]
