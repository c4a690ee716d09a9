"""A customer of the demo's bakery with benefits, whose phone is the demo phone."""

from typing import Any

from tests.browser.phone.handset import Handset
from tests.journeys.portal import Portal

CURRENCY = "KRW"
THREE = (("COUPON_FIXED", 1_000), ("POINTS", 500), ("GIFT_CARD", 2_000))


def customer(portal: Portal, *, name: str = "Park Dahye") -> str:
    """Make a customer with a card that has 1,000,000 on it; return the customer."""
    made = str(portal.manage("customer_add", "--name", name)["customer"])
    programmes = portal.manage("programmes")["programmes"]
    programme = next(one for one in programmes if one["currency"] == CURRENCY)["programme"]
    portal.manage(
        *("card_issue", "--customer", made, "--programme", programme, "--balance", "1000000")
    )
    return made


def grant(portal: Portal, *, customer: str, merchant: str, kind: str, amount: int) -> None:
    """Give the customer a benefit at the merchant, as the command does."""
    portal.manage(
        *("benefit_grant", "--customer", customer, "--merchant", merchant, "--kind", kind),
        *("--currency", CURRENCY, "--amount", str(amount)),
    )


def set_up(portal: Portal, phone: Handset, *, customer: str) -> None:
    """Make the browser this customer's phone, with the card on it."""
    words = ("enrolment_code", "--kind", "PHONE", "--customer", customer)
    phone.set_up(code=portal.manage(*words)["code"])
    phone.take_card()


def shopper(portal: Portal, phone: Handset, *, merchant: str) -> Handset:
    """Return the phone of a customer with a coupon, points and a gift card at the merchant."""
    who = customer(portal)
    for kind, amount in THREE:
        grant(portal, customer=who, merchant=merchant, kind=kind, amount=amount)
    set_up(portal, phone, customer=who)
    return phone


def present(session: Any, code: str, amount: int) -> dict[str, Any]:
    """Present a code at a terminal."""
    body = {"code": code, "amount": amount, "currency": CURRENCY}
    told: dict[str, Any] = session.post("/terminal/checkouts", body=body).json()
    return told
