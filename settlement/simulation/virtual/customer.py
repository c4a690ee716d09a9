"""A customer at a till in virtual time: the phone's own purchase, one request after the other."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from config.wire import b64
from config.wire.client import PortalRefused
from merchants.devices.relay import Relay, SlotEmpty
from settlement.simulation.device import World
from settlement.simulation.journal import Journal
from settlement.simulation.phones import SimulatedPhone
from settlement.simulation.shopping import NO_BILL, PIN, planned
from settlement.simulation.virtual import wires
from settlement.simulation.virtual.agenda import Agenda
from wallets.devices.pins import PinCode
from wallets.devices.purchase import Purchase
from wallets.devices.purchase_words import Step
from wallets.devices.purchases import PhonePurchases

_KEY_BYTES: Final = 16
_LOOKS: Final = 20
_LOOK_AGAIN_S: Final = 0.2
_THINKS_S: Final = (0.2, 8.0)
_TRIES: Final = 4
_ENDED: Final = frozenset({Step.PAID, Step.DECLINED, Step.RELEASED, Step.ENDED, Step.REFUSED})


@dataclass(slots=True, kw_only=True)
class Errand:
    """One bill that a customer takes; ``slot``: of the relay, "" at the till itself."""

    sale: int
    tid: str
    slot: str
    declines: bool
    ended: Callable[[str], None]  # hears the last step
    plans: bool = False  # pays with the best plan for what is shown
    plan: str | None = None
    looks: int = 0
    tries: int = 0


class Customer:
    """One phone with a card; ``asked`` hears that something was asked of the portal."""

    def __init__(
        self,
        *,
        number: int,
        phone: SimulatedPhone,
        card: str,
        world: World,
        agenda: Agenda,
        relay: Relay,
        journal: Journal,
        random: Random,
        asked: Callable[[], None],
    ) -> None:
        purse = phone.purse()
        self._number, self._card, self._world, self._agenda = number, card, world, agenda
        self._relay, self._journal, self._random, self._asked = relay, journal, random, asked
        self._session = wires.line(world=world, key=purse.key, device=purse.device)
        self._pins = purse.pins
        self._purchases = PhonePurchases(
            session=self._session,
            pins=purse.pins,
            clock=world.clock,
            sleep=lambda _seconds: None,  # it is asked when it is due
            random_bytes=secrets.token_bytes,
            save=lambda _state: None,  # this phone goes on until its purchase has ended
        )

    def take(self, errand: Errand) -> None:
        """Take the T-ID, or what lies in the relay's slot by now, to its end."""
        bill = None
        if errand.slot:
            try:
                bill = self._relay.read(slot=errand.slot, at=self._world.clock())
            except SlotEmpty:
                self._look_again(errand)
                return
        purchase = Purchase(
            tid=errand.tid,
            at=self._world.clock(),
            new_key=lambda: b64.encode(secrets.token_bytes(_KEY_BYTES)),
            save=lambda _state: None,
            bill=bill,
        )
        self._go_on(errand, purchase)

    def plan(self, *, pays_most: int | None) -> dict[str, Any] | None:
        """Plan with all there is; its payment number may pay so much, None for no number. None
        where the portal refuses."""
        held = self._session.get("/wallet/benefits").json()["benefits"]
        body: dict[str, Any] = {"selections": [{"benefit": each["benefit"]} for each in held]}
        body |= {} if pays_most is None else {"card": self._card, "max_amount": pays_most}
        try:
            return self._session.post("/wallet/plans", body=body).json()
        except PortalRefused:
            return None

    def code(self, plan: dict[str, Any]) -> str:
        """Return the code with which showing the phone pays."""
        return f"{plan['code']}.{self._pin_code(plan).code}"

    def agree(self, plan: dict[str, Any], checkout: str) -> None:
        """Agree to a checkout that asks this phone; one that has ended meanwhile stays so."""
        waiting = self._session.get("/wallet/checkouts").json()["checkouts"]
        for each in waiting:
            if each["checkout"] != checkout:
                continue
            code = self._pin_code(plan)
            body = {
                "merchant": each["merchant"]["id"],
                "remainder": each["remainder"],
                "currency": each["currency"],
                "counter": code.counter,
                "pin_code": code.code,
            }
            with suppress(PortalRefused):
                self._session.post(f"/wallet/checkouts/{checkout}/approve", body=body)
        self._asked()

    def _pin_code(self, plan: dict[str, Any]) -> PinCode:
        return self._pins.new(pin=PIN, subject=plan["tsn"], card=b64.decode(self._card))

    def _look_again(self, errand: Errand) -> None:
        errand.looks += 1
        if errand.looks == _LOOKS:
            self._end(errand, NO_BILL)
        else:
            self._agenda.after(_LOOK_AGAIN_S, lambda: self.take(errand))

    def _go_on(self, errand: Errand, purchase: Purchase) -> None:
        """Wait until something is to be asked or decided; tell of the end."""
        due_at = purchase.due_at
        if purchase.step in _ENDED:
            self._end(errand, purchase.step.value, reason=purchase.reason, purchase=purchase)
        elif due_at is not None:
            wait_s = wires.WAY_S + due_at - self._world.clock()
            self._agenda.after(wait_s, lambda: self._ask(errand, purchase))
        else:
            thinks_s = self._random.uniform(*_THINKS_S)
            self._agenda.after(thinks_s, lambda: self._decide(errand, purchase))

    def _ask(self, errand: Errand, purchase: Purchase) -> None:
        self._purchases.settle(purchase, tries=1)
        self._purchases.put_right(purchase)
        self._asked()
        self._go_on(errand, purchase)

    def _decide(self, errand: Errand, purchase: Purchase) -> None:
        errand.tries += 1
        at = self._world.clock()
        if errand.tries > _TRIES:
            purchase.release(at=at)
        elif errand.declines:
            purchase.decline(at=at)
        else:
            self._plan_for(errand, purchase)
            card = b64.decode(self._card)
            self._purchases.approve(purchase, card=card, pin=PIN, plan=errand.plan, tries=0)
        self._go_on(errand, purchase)

    def _plan_for(self, errand: Errand, purchase: Purchase) -> None:
        """Plan once; a plan that was refused at the payment, whyever, is not used again."""
        is_first, errand.plans = errand.plans, False
        if purchase.reason not in {"", "counter_used", "counter_ahead"}:
            errand.plan = None
        if is_first:
            errand.plan = planned(session=self._session, purchase=purchase)

    def _end(
        self, errand: Errand, step: str, *, reason: str = "", purchase: Purchase | None = None
    ) -> None:
        self._journal.note(
            "purchase",
            result=step,
            phone=self._number,
            sale=errand.sale,
            tid=errand.tid,
            card=self._card,
            reason=reason,
            code=purchase.approval_code if purchase else "",
        )
        errand.ended(step)
