"""Tills, customers and a table's relay in virtual time, and what befalls them."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

from django.utils import timezone

from config.audit import Actor
from config.models.devices import DeviceKind
from config.wire import b64
from merchants.devices.bills import Slot
from merchants.devices.identity import Identity
from merchants.devices.relay import PairedTerminal, Relay
from settlement.services.demo import Seeded
from settlement.simulation import benefits, market
from settlement.simulation.casting import agreed, code_for, enrol_phone, issue
from settlement.simulation.device import World
from settlement.simulation.journal import Journal
from settlement.simulation.router import Weather
from settlement.simulation.sales import (
    OF_A_SALE,
    Fate,
    Sale,
    SalesPlan,
    TillFault,
    Trouble,
    Visit,
)
from settlement.simulation.virtual import wires, workers
from settlement.simulation.virtual.agenda import Agenda
from settlement.simulation.virtual.air import Air
from settlement.simulation.virtual.cash_desk import CashDesk
from settlement.simulation.virtual.clock import Clock
from settlement.simulation.virtual.customer import Customer, Errand
from settlement.simulation.virtual.notifier import Notifier
from settlement.simulation.virtual.troupe import LocalTroupe
from settlement.simulation.virtual.visits import Round
from wallets.services import customers

_SLOTS: Final = 200
_BEGINS_S: Final = (0.0, 60.0)  # within a round
_CUSTOMER_S: Final = 0.1  # until he has scanned what the till shows
_HELD_S: Final = 2.0  # of a request that leaves after its customer asked
_RACE_S: Final = (0.2, 8.0)
_REFUND_EVERY: Final = 5
_REFUND_S: Final = 30.0
_TURN_S: Final = 10.0
_TURNS: Final = 120
_SETTLED: Final = frozenset({"paid", "declined"})


class Street:
    """All sales and visits of one seed; ``errands``: how many customers are still at it."""

    def __init__(
        self,
        *,
        plan: SalesPlan,
        seed: int,
        world: World,
        clock: Clock,
        agenda: Agenda,
        journal: Journal,
    ) -> None:
        self._plan, self._seed, self._world = plan, seed, world
        self._agenda, self._journal, self._clock = agenda, journal, clock
        self._air = Air(agenda=agenda, random=self._random("air"))
        self._notifier = Notifier(clock=clock, agenda=agenda, send=self._air.down)
        self._air.server = self._notifier.hear
        self._draws = self._random("street")
        self._currency, self._relay = "", Relay(device="")
        self._desks: list[CashDesk] = []
        self._customers: list[Customer] = []
        self.tills: list[str] = []
        self.errands = 0

    def set_up(
        self, *, stage: Seeded, troupe: LocalTroupe, first_phone: int, actor: Actor, tills: Journal
    ) -> None:
        """Enrol tills, relay and customers, each customer with a phone and a card on it."""
        shop = stage.bakery.reference
        self._currency = stage.bakery.currency
        code = code_for(DeviceKind.RELAY, shop, actor)
        key, told = wires.enrolled(world=self._world, code=code, kind="RELAY", name="Table")
        self._relay = Relay(device=told["device"], slots=_SLOTS)
        for number in range(self._plan.tills):
            self._open_desk(number, shop, actor, tills)
        session = wires.line(world=self._world, key=key, device=told["device"])
        paired = session.get("/relay/terminals").json()["terminals"]
        self._relay.pair([PairedTerminal.of_portal(entry) for entry in paired])
        out = benefits.offer(shop=stage.bakery, actor=actor, at=timezone.now())
        for nth in range(self._plan.shoppers):
            owner = self._add_customer(first_phone + nth, stage, troupe, actor)
            benefits.grant(definitions=out, owner=owner, at=timezone.now())
        self._visits = Round(
            agenda=self._agenda,
            random=self._random("visits"),
            currency=self._currency,
            ended=self._visit_ended,
        )

    def _open_desk(self, number: int, shop: str, actor: Actor, journal: Journal) -> None:
        key, told = wires.enrolled(
            world=self._world,
            code=code_for(DeviceKind.TERMINAL, shop, actor),
            kind="TERMINAL",
            name=f"Virtual till {number}",
        )
        market.pair(relay=self._relay.device, till=told["device"], actor=actor)
        identity = Identity(
            device=told["device"],
            merchant=shop,
            number=told["number"],
            secret=b64.decode(told["secret"]),
            key=key,
        )
        self.tills.append(identity.device)
        self._desks.append(
            CashDesk(
                number=number,
                identity=identity,
                world=self._world,
                agenda=self._agenda,
                air=self._air,
                relay=self._relay,
                journal=journal,
                random=self._random(f"till {number}"),
                asked=self._notifier.look_soon,
            )
        )

    def _add_customer(self, nth: int, stage: Seeded, troupe: LocalTroupe, actor: Actor) -> str:
        at = timezone.now()
        name = f"Simulation {self._seed}, shopper {nth}"
        owner = customers.add(name=name, actor=actor, at=at).reference
        card = issue(stage=stage, owner=owner, nth=nth, actor=actor, at=at)
        enrol_phone(troupe, phone=nth, owner=owner, actor=actor)
        agreed(troupe.phones.ask("certify", phone=nth, card=card, at=int(at.timestamp())))
        self._customers.append(
            Customer(
                number=nth,
                phone=troupe.pockets.phone(nth),
                card=card,
                world=self._world,
                agenda=self._agenda,
                relay=self._relay,
                journal=troupe.pockets.journal,
                random=self._random(f"customer {nth}"),
                asked=self._notifier.look_soon,
            )
        )
        return owner

    def begin(self, number: int) -> None:
        """Let the troubles of a round begin, and its sales in the minute that follows."""
        for trouble in self._plan.troubles:
            if trouble.round == number:
                self._befall(trouble)
        for sale in self._plan.sales:
            if sale.round == number:
                begins_s = self._draws.uniform(*_BEGINS_S)
                self._agenda.after(begins_s, partial(self._ring_up, sale))
        for visit in self._plan.visits:
            if visit.round == number:
                self.errands += 1
                begins_s = self._visits.random.uniform(*_BEGINS_S)
                self._agenda.after(begins_s, partial(self._visit, visit))

    def _visit(self, visit: Visit) -> None:
        desk, customer = self._desks[visit.till], self._customers[visit.shopper]
        self._visits.begin(visit, desk=desk, customer=customer)

    def _visit_ended(self) -> None:
        self.errands -= 1

    def end(self) -> None:
        """Let every sale come to its end, in fair weather; which does not is the checker's."""
        for number in range(len(self._desks)):
            self._air.set_weather(number, Weather())
        for _turn in range(_TURNS):
            self._agenda.pass_by(_TURN_S)
            workers.tidy(at=self._clock.at())
            self._notifier.look_soon()
            if not self.errands and not any(desk.open_tids for desk in self._desks):
                break
        for desk in self._desks:
            desk.close()

    def _befall(self, trouble: Trouble) -> None:
        kind, subject = trouble.kind, trouble.subject
        if kind in OF_A_SALE:
            return
        self._note(kind, till=subject)
        if kind in market.WEATHERS:  # bad weather stays: the retries have to live with it
            self._air.set_weather(subject, Weather(**market.WEATHERS[kind]))
            return
        acts: dict[TillFault, Callable[[], None]] = {
            TillFault.PORT_CHANGE: partial(self._air.move, subject),
            TillFault.TILL_RESTART: self._desks[subject].restart,
            TillFault.RNS_RESTART: self._notifier.restart,
        }
        self._agenda.after(self._draws.uniform(*_BEGINS_S), acts[kind])

    def _ring_up(self, sale: Sale) -> None:
        desk, is_first = self._desks[sale.till], self._happens(sale, TillFault.PHONE_FIRST)
        by_relay = sale.by_relay and not is_first
        desk.held_s = _HELD_S if is_first else 0.0
        slot = Slot(relay=self._relay.device, url="", name=f"table-{sale.number}")
        tid = desk.sell(
            sale=sale.number,
            amount_minor=sale.amount_minor,
            currency=self._currency,
            slot=slot if by_relay else None,
        )
        if sale.fate is Fate.CANCELLED:
            self._agenda.after(self._draws.uniform(*_RACE_S), lambda: desk.cancel(tid))
            return
        self._send_customers(sale, tid, slot.name if by_relay else "")

    def _send_customers(self, sale: Sale, tid: str, slot: str) -> None:
        """Let the customer act, and whom a fault lets act at the same time."""
        who = [sale.shopper]
        if self._happens(sale, TillFault.TWO_PHONES):
            who.append((sale.shopper + 1) % len(self._customers))
        steps: list[str] = []
        for shopper in who:
            self.errands += 1
            errand = Errand(
                sale=sale.number,
                tid=tid,
                slot=slot,
                declines=sale.fate is Fate.DECLINED,
                plans=sale.number in self._plan.planned,
                ended=lambda step: self._came_back(sale, tid, step, steps, len(who)),
            )
            begins_s = _CUSTOMER_S + self._draws.random()
            self._agenda.after(begins_s, partial(self._customers[shopper].take, errand))
        if self._happens(sale, TillFault.CANCEL_RACE):
            desk = self._desks[sale.till]
            self._agenda.after(self._draws.uniform(*_RACE_S), lambda: desk.cancel(tid))

    def _came_back(self, sale: Sale, tid: str, step: str, steps: list[str], of: int) -> None:
        """End what nobody has ended once all are back; give some of it back now and then."""
        self.errands -= 1
        steps.append(step)
        desk = self._desks[sale.till]
        if len(steps) == of and not _SETTLED & set(steps):
            desk.cancel(tid)
        elif step == "paid" and sale.number % _REFUND_EVERY == 0:
            part = sale.amount_minor // 3
            self._agenda.after(_REFUND_S, lambda: self._refund(desk, tid, part))

    def _refund(self, desk: CashDesk, tid: str, amount_minor: int) -> None:
        if desk.refund(tid, amount_minor=amount_minor):
            self._journal.note("refund", result="ok", tid=tid, amount_minor=amount_minor)

    def _happens(self, sale: Sale, kind: TillFault) -> bool:
        happens = self._plan.befalls(sale, kind)
        if happens:
            self._note(kind, sale=sale.number)
        return happens

    def _note(self, kind: TillFault, **facts: int) -> None:
        self._journal.note("fault", result=kind.value, **facts)

    def _random(self, what: str) -> Random:
        return Random(f"paydesk street {self._seed} {what}")  # noqa: S311  (must be repeatable)
