"""A customer who plans purchases, and the codes their phone shows at tills (mission §2)."""

from dataclasses import dataclass
from typing import Any

from config.wire import b64
from tests.journeys.checkout import CURRENCY, PIN, Stand
from tests.journeys.street import Handset, Shop, Street
from wallets.devices.purchase import Purchase


@dataclass(kw_only=True)
class Shopper:
    """A phone with a card on it, at one shop: benefits come by command, all else over HTTP."""

    street: Street
    shop: Shop
    phone: Handset
    card: str  # as JSON has it

    def gets(self, kind: str, **worth: Any) -> str:
        """Grant the customer a benefit at the shop; return it."""
        words = [
            word
            for name, value in worth.items()
            for word in (f"--{name.replace('_', '-')}", str(value))
        ]
        granted = self.street.portal.manage(
            *("benefit_grant", "--customer", self.phone.customer, "--kind", kind),
            *("--merchant", self.shop.merchant, "--currency", CURRENCY, *words),
        )
        return str(granted["benefit"])

    def plans(self, *chosen: str | tuple[str, int], **wish: Any) -> dict[str, Any]:
        """Plan what to use at the next till."""
        pairs = [each if isinstance(each, tuple) else (each, None) for each in chosen]
        selections = [
            {"benefit": benefit} | ({} if amount is None else {"amount": amount})
            for benefit, amount in pairs
        ]
        body = {"selections": selections, **wish}
        return self.phone.session.post("/wallet/plans", body=body).json()

    def plans_to_pay(self, *chosen: str | tuple[str, int], **wish: Any) -> dict[str, Any]:
        """Plan with the card behind it."""
        return self.plans(*chosen, card=self.card, **wish)

    def psn(self, plan: dict[str, Any], *, pin: str = PIN) -> str:
        """Return the payment number the phone makes for a plan."""
        card = b64.decode(self.card)
        return self.phone.pins.new(pin=pin, subject=plan["tsn"], card=card).code

    def code(self, plan: dict[str, Any], **how: Any) -> str:
        """Return the code with which showing the phone pays."""
        return f"{plan['code']}.{self.psn(plan, **how)}"

    def agrees(self, plan: dict[str, Any], waiting: dict[str, Any]) -> dict[str, Any]:
        """Agree on the phone to a checkout that waits for it."""
        code = self.phone.pins.new(pin=PIN, subject=plan["tsn"], card=b64.decode(self.card))
        body = {
            "merchant": waiting["merchant"]["id"],
            "remainder": waiting["remainder"],
            "currency": waiting["currency"],
            "counter": code.counter,
            "pin_code": code.code,
        }
        path = f"/wallet/checkouts/{waiting['checkout']}/approve"
        return self.phone.session.post(path, body=body).json()

    def pays(self, tid: str, plan: dict[str, Any]) -> Purchase:
        """Pay what a terminal asks for, with the benefits of a plan."""
        purchase = self.phone.purchases.claim(tid)
        card = b64.decode(self.card)
        return self.phone.purchases.approve(purchase, card=card, pin=PIN, plan=plan["plan"])

    def holds(self) -> dict[str, int | None]:
        """Return what there is to use, by benefit."""
        told = self.phone.session.get("/wallet/benefits").json()["benefits"]
        return {each["benefit"]: each["available"] for each in told}

    def waiting(self) -> list[dict[str, Any]]:
        """Return the checkouts that wait for this phone."""
        found: list[dict[str, Any]] = self.phone.session.get("/wallet/checkouts").json()[
            "checkouts"
        ]
        return found


def present(stand: Stand, code: str, amount: int, **more: Any) -> dict[str, Any]:
    """Present a code at a till."""
    body = {"code": code, "amount": amount, "currency": CURRENCY} | more
    return stand.session.post("/terminal/checkouts", body=body).json()


def end(stand: Stand, checkout: dict[str, Any], how: str, **body: Any) -> dict[str, Any]:
    """Confirm, abandon or cancel a checkout at its till."""
    path = f"/terminal/checkouts/{checkout['checkout']}/{how}"
    return stand.session.post(path, body=body or None).json()
