"""Customers who have something approved beforehand, and the machines that finish it (§5)."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import websocket

from config.wire import b64, client
from config.wire.client import PortalSession
from config.wire.keys import SigningKey
from tests.journeys.checkout import CURRENCY
from tests.journeys.street import Handset, Shop, Street
from wallets.wire import Assertion

CODE = "4711"


@dataclass(kw_only=True)
class Holder:
    """A customer's phone with a card on it."""

    phone: Handset
    card: str  # as JSON has it

    def proves(self, **changes: Any) -> str:
        """Prove on the phone who holds it; ``changes`` falsify the assertion."""
        session = self.phone.session
        challenge = session.get("/wallet/authentications").json()["challenge"]
        said = {
            "challenge": b64.decode(challenge),
            "device": self.phone.device,
            "app_serial": self.phone.app_serial,
            "verified": True,
        }
        assertion = Assertion(**said | changes).sign(key=self.phone.phone.device_key)
        body = {
            "app_serial": changes.get("app_serial", self.phone.app_serial),
            "challenge": challenge,
            "assertion": b64.encode(assertion),
        }
        return str(session.post("/wallet/authentications", body=body).json()["authentication"])

    def wishes(self, amount: int = 10_000, *, kind: str = "CASH", **more: Any) -> dict[str, Any]:
        """Return what the phone sends to have an amount approved, with a fresh proof."""
        body = {"kind": kind, "card": self.card, "amount": amount, "currency": CURRENCY}
        if kind == "CASH":
            body["pickup_code"] = CODE
        body |= more
        return body if "authentication" in body else body | {"authentication": self.proves()}

    def approves(self, amount: int = 10_000, **more: Any) -> dict[str, Any]:
        """Have an amount approved."""
        body = self.wishes(amount, **more)
        return self.phone.session.post("/wallet/preapprovals", body=body).json()

    def cancels(self, made: dict[str, Any]) -> dict[str, Any]:
        path = f"/wallet/preapprovals/{made['preapproval']}"
        return self.phone.session.delete(path).json()

    def sees(self, made: dict[str, Any]) -> dict[str, Any]:
        """Return a pre-approval as the phone's list shows it."""
        rows = self.phone.session.get("/wallet/preapprovals").json()["preapprovals"]
        return next(row for row in rows if row["preapproval"] == made["preapproval"])

    def money(self) -> tuple[int, int, int]:
        """Return balance, held and available of the card."""
        card = self.phone.at_the_portal(self.card)
        return card["balance"], card["held"], card["available"]


@dataclass(kw_only=True)
class Machine:
    """An ATM or a terminal."""

    device: str
    session: PortalSession

    def takes(self, made: dict[str, Any], *, key: str | None = None, **more: Any) -> dict[str, Any]:
        """Present the number of a pre-approval."""
        body = {"number": made["number"], "kind": made["kind"]}
        if made["kind"] == "CASH":
            body["pickup_code"] = CODE
        return self.session.post(
            "/terminal/redemptions", body=body | more, idempotency_key=key
        ).json()

    def reports(self, taken: dict[str, Any], outcome: str = "FULL", **said: Any) -> dict[str, Any]:
        """Say what it paid out."""
        path = f"/terminal/redemptions/{taken['redemption']}/complete"
        return self.session.post(path, body={"outcome": outcome} | said).json()

    def sees(self, taken: dict[str, Any]) -> dict[str, Any]:
        return self.session.get(f"/terminal/redemptions/{taken['redemption']}").json()


@contextmanager
def heard(street: Street, phone: Handset) -> Iterator[Iterator[dict[str, Any]]]:
    """Open the phone's socket; give what it hears of pre-approvals."""
    found = client.discover(http=street.http, origin=street.portal.origin)
    url = f"{found['sockets']}/ws/v1/wallet?ticket={phone.portal.socket_ticket()}"
    with closing(websocket.create_connection(url, timeout=10, suppress_origin=True)) as socket:
        frames = (json.loads(socket.recv()) for _ in range(100))
        yield (frame for frame in frames if frame["type"] == "preapproval")


def machine(street: Street, shop: Shop, *, kind: str = "ATM") -> Machine:
    """Enrol a machine of the shop."""
    key = SigningKey.generate()
    told = street.enrol(kind, owner=("--merchant", shop.merchant), key=key)
    session = street.session(key, told["device"], attempts=1)
    return Machine(device=told["device"], session=session)
