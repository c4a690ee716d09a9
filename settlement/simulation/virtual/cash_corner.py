"""ATMs and their customers in virtual time: power that fails, answers that get lost, jams."""

import json
import secrets
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Final

from config.audit import Actor
from config.models.devices import DeviceKind
from config.wire import b64
from config.wire.client import PortalRefused
from merchants.devices.atm import Atm, CannotServe
from merchants.devices.atm_facts import Facts, Kind, Step
from merchants.devices.atm_stock import Cassettes
from merchants.devices.cash_point import CashPoint
from merchants.devices.identity import Identity
from merchants.models import Merchant
from settlement.models import Redemption
from settlement.rules.redeeming import Report
from settlement.services import redemptions
from settlement.services.demo import Seeded
from settlement.simulation.casting import agreed, code_for, enrol_phone, issue
from settlement.simulation.device import PowerCut, World
from settlement.simulation.journal import Journal
from settlement.simulation.sabotage import Unsound
from settlement.simulation.virtual import wires, workers
from settlement.simulation.virtual.agenda import Agenda
from settlement.simulation.virtual.atm_parts import (
    FrailSession,
    Left,
    Machine,
    Power,
    Throat,
    rolls,
)
from settlement.simulation.virtual.clock import Clock
from settlement.simulation.virtual.troupe import LocalTroupe
from settlement.simulation.withdrawals import AtmFault, CashPlan, Want, Withdrawal
from wallets.devices.preapprovals import PhonePreapprovals, Wish
from wallets.services import customers

_SECOND: Final = Actor(kind="SYSTEM", name="second count")  # agrees to what the desk counted
_CODE: Final = "2468"
_WRONG: Final = "1357"
_NOTES: Final = {50_000: 400, 10_000: 900}
_BEGINS_S: Final = (0.0, 60.0)
_WALK_S: Final = (5.0, 120.0)
_LATE_S: Final = 90.0
_VALID_S: Final = 600
_VALID_SHORT_S: Final = 60
_BACK_S: Final = (1.0, 900.0)  # until power is back: some miss the five minutes, some do not
_WORK_EVERY_S: Final = 10.0
_TURN_S: Final = 30.0
_TURNS: Final = 60


class CashCorner:
    """All withdrawals of one seed; ``errands`` says how many customers are still at it."""

    def __init__(
        self,
        *,
        plan: CashPlan,
        seed: int,
        world: World,
        clock: Clock,
        agenda: Agenda,
        journal: Journal,
        machines: Journal,
    ) -> None:
        self._plan, self._seed, self._world, self._clock = plan, seed, world, clock
        self._agenda, self._journal, self._machines_log = agenda, journal, machines
        self._draws = Random(f"paydesk corner {seed}")  # noqa: S311  (must be repeatable)
        self._machines: list[Machine] = []
        self._wallets: list[tuple[PhonePreapprovals, bytes]] = []
        self._currency = ""
        self.errands = 0

    def set_up(self, *, stage: Seeded, troupe: LocalTroupe, first_phone: int, actor: Actor) -> None:
        """Enrol machines and customers, each customer with a phone and a card on it."""
        if not self._plan.customers:
            return
        self._currency = stage.bakery.currency
        # One shop's machine has tickets of its own; of the other's the portal keeps the stock.
        for number, shop in enumerate((stage.bakery, stage.books)):
            self._machines.append(self._enrolled(number, shop, actor))
        for nth in range(first_phone, first_phone + self._plan.customers):
            at = self._clock.at()
            name = f"Simulation {self._seed}, withdrawer {nth}"
            owner = customers.add(name=name, actor=actor, at=at).reference
            # A check card: the demo's credit and gift cards have other limits.
            card = issue(stage=stage, owner=owner, nth=1, actor=actor, at=at)
            enrol_phone(troupe, phone=nth, owner=owner, actor=actor)
            words = {"phone": nth, "card": card, "at": int(at.timestamp())}
            agreed(troupe.phones.ask("certify", **words))
            self._wallets.append((self._wallet(troupe, nth), b64.decode(card)))

    def _enrolled(self, number: int, shop: Merchant, actor: Actor) -> Machine:
        code = code_for(DeviceKind.ATM, shop.reference, actor)
        name = f"Virtual ATM {number}"
        key, told = wires.enrolled(world=self._world, code=code, kind="ATM", name=name)
        identity = Identity(
            device=told["device"],
            merchant=shop.reference,
            number=told["number"],
            secret=b64.decode(told["secret"]),
            key=key,
        )
        power = Power()
        line = wires.line(world=self._world, key=key, device=identity.device)
        machine = Machine(
            number=number,
            identity=identity,
            session=FrailSession(session=line, power=power),
            throat=Throat(power),
            power=power,
        )
        atm = Atm(
            identity=identity,
            cassettes=Cassettes(currency=self._currency, held=dict(_NOTES)),
            tickets=rolls(shop=shop, currency=self._currency),
            save=self._saving(machine),
            random_bytes=secrets.token_bytes,
        )
        atm.save()
        self._switch_on(machine, atm)
        return machine

    def _saving(self, machine: Machine) -> Callable[[dict[str, Any]], None]:
        def save(state: dict[str, Any]) -> None:
            machine.power.use()
            machine.disk = json.dumps(state)
            machine.power.use()

        return save

    def _switch_on(self, machine: Machine, atm: Atm) -> None:
        machine.atm = atm
        machine.point = CashPoint(
            atm=atm,
            session=machine.session,
            mechanism=machine.throat,
            clock=self._clock.now,
            sleep=self._clock.go_on,
        )

    def _wallet(self, troupe: LocalTroupe, phone: int) -> PhonePreapprovals:
        purse = troupe.pockets.phone(phone).purse()
        return PhonePreapprovals(
            session=wires.line(world=self._world, key=purse.key, device=purse.device),
            key=purse.key,
            device=purse.device,
            app_serial=purse.app_serial,
            random_bytes=secrets.token_bytes,
            save=lambda _state: None,  # this phone goes on until its number has ended
        )

    def begin(self, number: int) -> None:
        """Let the withdrawals of a round begin in the minute that follows."""
        for each in self._plan.withdrawals:
            if each.round == number:
                self.errands += 1
                begins_s = self._draws.uniform(*_BEGINS_S)
                self._agenda.after(begins_s, partial(self._approve, each))

    def end(self, *, actor: Actor) -> None:
        """Let every withdrawal come to its end; what machines do not know the desk decides."""
        if not self._machines:
            return
        for _turn in range(_TURNS):
            self._agenda.pass_by(_TURN_S)
            workers.tidy(at=self._clock.at())
            for machine in self._machines:
                self._work(machine)
            if not self.errands and not any(self._open(machine) for machine in self._machines):
                break
        self._agenda.pass_by(_VALID_S)  # numbers that nobody took run out
        workers.tidy(at=self._clock.at())
        self._decide(actor)

    def _approve(self, wanted: Withdrawal) -> None:
        wallet, card = self._wallets[wanted.customer]
        short = wanted.want is Want.LATE
        wish = Wish(
            kind=wanted.kind,
            card=card,
            amount_minor=wanted.amount_minor,
            currency=self._currency,
            valid_s=_VALID_SHORT_S if short else _VALID_S,
            pickup_code=_CODE if wanted.kind is Kind.CASH else "",
        )
        try:
            told = wallet.approve(wish)
        except PortalRefused as refused:
            self._came_back(wanted, refused.code)
            return
        if not told.number:
            self._came_back(wanted, told.decline_reason)
        elif wanted.want is Want.CANCELLED:
            wallet.cancel(told.preapproval)
            self._came_back(wanted, "cancelled")
        else:
            walk_s = _LATE_S if short else self._draws.uniform(*_WALK_S)
            self._agenda.after(walk_s, partial(self._present, wanted, told.code))

    def _present(self, wanted: Withdrawal, code: str) -> None:
        machine = self._machine(wanted.number)
        if machine.point is None:  # off: the customer waits for it
            self._agenda.after(_WORK_EVERY_S, partial(self._present, wanted, code))
            return
        if wanted.want is Want.WRONG_CODE and wanted.kind is Kind.CASH:
            self._redeem(machine, wanted, code, pickup_code=_WRONG)
        two = self._plan.mishap(wanted, AtmFault.TWO_ATMS)
        self._set_mishaps(machine, wanted)
        told = self._redeem(machine, wanted, code, pickup_code=_CODE)
        if two is not None:
            self._note(AtmFault.TWO_ATMS, wanted)
            other = self._machine(wanted.number + 1)
            if other.point is not None:
                self._redeem(other, wanted, code, pickup_code=_CODE)
        self._came_back(wanted, told)

    def _machine(self, number: int) -> Machine:
        return self._machines[number % len(self._machines)]

    def _set_mishaps(self, machine: Machine, wanted: Withdrawal) -> None:
        cut = self._plan.mishap(wanted, AtmFault.POWER_CUT)
        machine.power.left = cut.moment if cut else None
        if self._plan.mishap(wanted, AtmFault.JAM):
            self._note(AtmFault.JAM, wanted)
            machine.throat.jams = True
        lost = self._plan.mishap(wanted, AtmFault.LOST_ANSWER)
        if lost is not None:
            self._note(AtmFault.LOST_ANSWER, wanted)
            machine.session.loses = 1 + lost.moment % 2

    def _redeem(self, machine: Machine, wanted: Withdrawal, code: str, *, pickup_code: str) -> str:
        assert machine.point is not None, "the machine is on"
        machine.throat.out_minor, machine.throat.out_serial = 0, ""
        keyed = wanted.amount_minor if wanted.want is Want.KEYED else None
        try:
            facts = machine.point.redeem(
                number=code,
                kind=wanted.kind,
                amount_minor=keyed,
                pickup_code=pickup_code if wanted.kind is Kind.CASH else None,
            )
        except CannotServe as refused:
            if refused.code == "out_of_service":
                self._count(machine)
            return refused.code
        except PowerCut:
            self._go_dark(machine, wanted)
            return "power_cut"
        machine.power.left = None
        self._left(machine, facts, machine.throat.left(worth_minor=wanted.amount_minor))
        self._keep_working(machine)
        return facts.refused or str(facts.outcome or facts.step).lower()

    def _go_dark(self, machine: Machine, wanted: Withdrawal) -> None:
        """Keep what really left the machine, and bring it back from its disk some time later."""
        self._note(AtmFault.POWER_CUT, wanted)
        out = machine.throat.left(worth_minor=wanted.amount_minor)
        machine.atm = machine.point = None
        back_s = self._draws.uniform(*_BACK_S)
        self._agenda.after(back_s, partial(self._come_back_on, machine, out))

    def _come_back_on(self, machine: Machine, out: Left) -> None:
        state = json.loads(machine.disk)
        if self._world.unsound is Unsound.ATM_FORGETS:
            for kept in state["redemptions"]:
                kept["step"] = "READY" if kept["step"] == "MOVING" else kept["step"]
        atm = Atm.from_state(
            state,
            identity=machine.identity,
            at=self._clock.now(),
            save=self._saving(machine),
            random_bytes=secrets.token_bytes,
        )
        self._switch_on(machine, atm)
        if out.minor:
            self._left(machine, list(atm.show_all())[-1], out)
        self._count(machine)
        self._keep_working(machine)

    def _left(self, machine: Machine, facts: Facts, out: Left) -> None:
        """Note what really left for a redemption: the checker lays it beside the books."""
        if facts.redemption:
            machine.told[facts.redemption] = out
            self._machines_log.note(
                "dispensed",
                result="ok",
                redemption=facts.redemption,
                dispensed_minor=out.minor,
                item_serial=out.serial,
            )

    def _count(self, machine: Machine) -> None:
        """Let somebody count the notes and fill them up."""
        if machine.atm is not None:
            machine.atm.load(_NOTES)

    def _work(self, machine: Machine) -> None:
        """Let a machine ask what is due, if it is on."""
        if machine.point is not None:
            machine.point.work()

    def _keep_working(self, machine: Machine) -> None:
        """Let a machine ask until the portal knows everything, or it goes dark."""
        self._work(machine)
        if machine.point is not None and self._open(machine):
            self._agenda.after(_WORK_EVERY_S, partial(self._keep_working, machine))

    def _open(self, machine: Machine) -> bool:
        if machine.atm is None:
            return True
        return any(facts.step is not Step.CLOSED for facts in machine.atm.show_all())

    def _decide(self, actor: Actor) -> None:
        """Decide what waits in suspense by what really left, as a count would show it."""
        left = {name: out for machine in self._machines for name, out in machine.told.items()}
        for held in Redemption.objects.filter(state=Redemption.State.SUSPENSE):
            out = left.get(held.reference, Left())
            outcome = "NONE" if not out.minor else "PARTIAL"
            if out.minor == held.amount_minor:
                outcome = "FULL"
            said = redemptions.propose(
                reference=held.reference,
                report=Report(outcome, out.minor or None, item_serial=out.serial),
                evidence="Counted",
                actor=actor,
                at=self._clock.at(),
            )
            redemptions.agree(reference=said.reference, actor=_SECOND, at=self._clock.at())
            self._journal.note("resolve", result=outcome.lower(), redemption=held.reference)

    def _came_back(self, wanted: Withdrawal, told: str) -> None:
        self.errands -= 1
        self._journal.note("withdrawal", result=told, withdrawal=wanted.number)

    def _note(self, kind: AtmFault, wanted: Withdrawal) -> None:
        self._journal.note("fault", result=kind.value, withdrawal=wanted.number)
