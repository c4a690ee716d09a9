"""A simulated phone at a till: it takes a T-ID or a bill, and pays, declines or gives up."""

import secrets
import time
from pathlib import Path
from typing import Final

import httpx

from config.wire import b64
from config.wire.client import PortalRefused, PortalSession
from settlement.simulation.device import State, World
from settlement.simulation.journal import Journal
from settlement.simulation.orders import Answer
from wallets.devices.pins import PinCodes
from wallets.devices.purchase import Purchase
from wallets.devices.purchase_words import Step
from wallets.devices.purchases import BillUnreadable, PhonePurchases, read_bill

_SECRET_BYTES: Final = 32
PIN: Final = "0000"  # of a phone nobody else ever holds
NO_PIN: Final = "no_pin"
NO_BILL: Final = "no_bill"


class Shopper:
    """The part of a phone that pays at tills; ``pins`` has a file beside the phone's."""

    def __init__(self, *, world: World, path: Path, number: int, journal: Journal) -> None:
        self._world = world
        self._path = path
        self._number = number
        self._journal = journal
        self.pins: PinCodes | None = None

    def new_psn_key(self) -> bytes:
        """Draw a device secret; return the key that enrolment gives to the portal."""
        secret = secrets.token_bytes(_SECRET_BYTES)
        self.pins = PinCodes(device_secret=secret, save=self._save)
        self._save(self.pins.to_state())
        return self.pins.psn_key(pin=PIN)

    def resume(self) -> None:
        """Come back from the disk; a phone of before that kept no secret pays at no till."""
        kept = self._world.disk.read(path=self._path)
        self.pins = None if kept is None else PinCodes.from_state(kept, save=self._save)

    def buy(
        self,
        *,
        session: PortalSession,
        sale: int,
        card: str,
        tid: str,
        declines: bool,
        relay: str,
        slot: str,
        plans: bool = False,
    ) -> Answer:
        """Take the T-ID ``tid``, or what lies in ``slot`` of the relay at ``relay``, to its end.

        ``plans``: with the best plan for what is shown.
        """
        began = self._world.clock()
        purchase = self._bought(session, card, tid, relay, slot, declines=declines, plans=plans)
        told = (
            {"step": NO_PIN if self.pins is None else NO_BILL, "reason": "", "code": ""}
            if purchase is None
            else {
                "step": purchase.step.value,
                "reason": purchase.reason,
                "code": purchase.approval_code,
            }
        )
        facts = {"phone": self._number, "sale": sale, "tid": tid, "card": card}
        facts |= {"reason": told["reason"], "code": told["code"]}
        self._journal.note("purchase", result=told["step"], start=began, **facts)
        return dict(told)

    def _bought(
        self,
        session: PortalSession,
        card: str,
        tid: str,
        relay: str,
        slot: str,
        *,
        declines: bool,
        plans: bool,
    ) -> Purchase | None:
        if self.pins is None:
            return None
        purchases = PhonePurchases(
            session=session,
            pins=self.pins,
            clock=self._world.clock,
            sleep=self._world.sleep,
            random_bytes=secrets.token_bytes,
            save=lambda _state: None,  # a simulated phone goes on until its purchase has ended
        )
        try:
            purchase = _claimed(purchases, tid, relay, slot)
        except BillUnreadable:
            return None
        if purchase.step is not Step.OPEN:
            return purchase
        if declines:
            return purchases.decline(purchase)
        plan = planned(session=session, purchase=purchase) if plans else None
        return purchases.approve(purchase, card=b64.decode(card), pin=PIN, plan=plan)

    def _save(self, state: State) -> None:
        self._world.disk.write(path=self._path, state=state)


def planned(*, session: PortalSession, purchase: Purchase) -> str | None:
    """Return the best plan for what is shown; None where nothing is, or the portal refuses."""
    shown = purchase.claimed
    if shown is None:
        return None
    best_for = {"merchant": shown.merchant, "amount": shown.amount, "currency": shown.currency}
    body = {"selections": [], "best_for": best_for}
    try:
        return str(session.post("/wallet/plans", body=body).json()["plan"])
    except PortalRefused:
        return None


def _claimed(purchases: PhonePurchases, tid: str, relay: str, slot: str) -> Purchase:
    """Claim at the till, or at the table, where the bill may be on its way still."""
    if not relay:
        return purchases.claim(tid)
    with httpx.Client(trust_env=False) as http:
        for _ in range(_LOOKS):
            try:
                held = read_bill(http=http, relay_url=relay, slot=slot)
            except BillUnreadable:
                time.sleep(_LOOK_AGAIN_S)
            else:
                return purchases.claim_bill(held)
    raise BillUnreadable("Nothing was left there.")


_LOOKS: Final = 20
_LOOK_AGAIN_S: Final = 0.2
