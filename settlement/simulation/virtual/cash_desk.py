"""A till in virtual time: the pure terminal, its disk, and the ways to portal, relay and server."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from random import Random
from typing import Any, Final

from config.wire.client import PortalRefused, PortalUnreachable
from merchants.devices.bills import RelayCall, Slot
from merchants.devices.identity import Identity
from merchants.devices.relay import Relay, RelayRefused
from merchants.devices.sale_book import UnknownSale
from merchants.devices.sale_facts import Call, CallKind, Display
from merchants.devices.terminal import Effect, Send, Shown, Terminal
from settlement.simulation.device import World
from settlement.simulation.journal import Journal
from settlement.simulation.sabotage import Unsound
from settlement.simulation.virtual import wires
from settlement.simulation.virtual.agenda import Agenda
from settlement.simulation.virtual.air import Air

OPEN: Final = frozenset({Display.REQUESTED, Display.OPENED, Display.CHECKING})

type Outcome = dict[str, Any] | PortalRefused | None  # the last: no answer


class CashDesk:
    """One till of a shop; ``asked`` hears that something was asked of the portal."""

    def __init__(
        self,
        *,
        number: int,
        identity: Identity,
        world: World,
        agenda: Agenda,
        air: Air,
        relay: Relay,
        journal: Journal,
        random: Random,
        asked: Callable[[], None],
    ) -> None:
        self._number, self._world, self._agenda = number, world, agenda
        self._air, self._relay, self._journal, self._random = air, relay, journal, random
        self._asked = asked
        self._session = wires.line(world=world, key=identity.key, device=identity.device)
        self._disk, self._counter, self._life = "", 0, 0
        self._ticks_at: float | None = None
        self._shown: dict[str, Shown] = {}
        self.latest: dict[str, Shown] = {}
        self.held_s = 0.0  # how much later the next request leaves
        self._terminal = Terminal(identity=identity, **self._callbacks())
        self._terminal.save()
        self._note("enrol", result="ok", device=identity.device)
        air.join(number, self._hear)

    def sell(self, *, sale: int, amount_minor: int, currency: str, slot: Slot | None) -> str:
        """Ring an amount up; return its T-ID."""
        tid, effects = self._terminal.request(
            amount_minor=amount_minor,
            currency=currency,
            at=self._now,
            order=f"S-{sale}",
            slot=slot,
        )
        facts = {"amount_minor": amount_minor, "currency": currency, "by_relay": slot is not None}
        self._note("sale", result="ok", sale=sale, tid=tid, **facts)
        self._do(effects)
        return tid

    def cancel(self, tid: str) -> None:
        """End a sale, or reverse a paid one; one long at rest is forgotten."""
        with suppress(UnknownSale):
            self._do(self._terminal.cancel(tid=tid, at=self._now))

    def refund(self, tid: str, *, amount_minor: int) -> bool:
        """Give money back; return whether there was some to give."""
        body = {"amount": amount_minor, "reason": "Simulated"}
        try:
            self._session.post(f"/terminal/payments/{tid}/refunds", body=body)
        except PortalRefused:
            return False  # it was reversed meanwhile
        self._asked()
        return True

    def checkout(
        self, path: str, body: dict[str, Any] | None, *, visit: int
    ) -> dict[str, Any] | None:
        """Ask about a customer's number, and note what was told; None where it was refused."""
        try:
            told = self._session.post(f"/terminal/checkouts{path}", body=body).json()
        except PortalRefused as refused:
            self._note("visit", result=refused.code, visit=visit)
            return None
        self._seen_checkout(told, visit)
        return told

    def look(self, checkout: str, *, visit: int) -> None:
        """Note how a checkout stands now."""
        self._seen_checkout(self._session.get(f"/terminal/checkouts/{checkout}").json(), visit)

    def _seen_checkout(self, told: dict[str, Any], visit: int) -> None:
        lines = sum(line["amount"] for line in told["lines"])
        facts = {name: told[name] for name in ("checkout", "amount", "remainder")}
        self._note("visit", result=told["state"], visit=visit, lines=lines, **facts)
        self._asked()

    def restart(self) -> None:
        """Cut the power and switch on again: what was asked goes on without this till."""
        self._life += 1
        self._ticks_at = None
        self._terminal = Terminal.from_state(
            json.loads(self._disk), at=self._now, **self._callbacks()
        )
        self._do(self._terminal.tick(at=self._now))

    @property
    def open_tids(self) -> list[str]:
        """Return the sales whose end this till does not know."""
        return [tid for tid, shown in self.latest.items() if shown.display in OPEN]

    def close(self) -> None:
        """Write down what is shown of each sale at last."""
        for shown in self.latest.values():
            self._note_shown("closed", shown)

    @property
    def _now(self) -> float:
        return self._world.clock()

    def _callbacks(self) -> dict[str, Any]:
        return {
            "save": self._save,
            "save_counter": self._save_counter,
            "random_bytes": self._random.randbytes,
            "counter": self._counter,
        }

    def _save(self, state: dict[str, Any]) -> None:
        self._disk = json.dumps(state)

    def _save_counter(self, counter: int) -> None:
        self._counter = counter

    def _hear(self, data: bytes) -> None:
        self._do(self._terminal.received(data, at=self._now))

    def _tick(self, at: float) -> None:
        if self._ticks_at == at:
            self._ticks_at = None
            self._do(self._terminal.tick(at=self._now))

    def _do(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._air.up(self._number, effect.data)
            elif isinstance(effect, RelayCall):
                self._after_way(effect, self._ask_relay)
            else:
                self._after_way(effect, self._ask_portal)
        self._tell()
        due_at = self._terminal.due_at()
        if due_at is not None and (self._ticks_at is None or due_at < self._ticks_at):
            self._ticks_at = due_at
            self._agenda.after(due_at - self._now, lambda: self._tick(due_at))

    def _after_way[Asked](self, call: Asked, ask: Callable[[Asked, int], None]) -> None:
        life, held_s = self._life, 0.0
        if isinstance(call, Call) and call.kind is CallKind.REQUEST:
            held_s, self.held_s = self.held_s, 0.0
        self._agenda.after(wires.WAY_S + held_s, lambda: ask(call, life))

    def _ask_portal(self, call: Call, life: int) -> None:
        outcome = self._outcome(call)
        self._asked()
        self._agenda.after(wires.WAY_S, lambda: self._answered(call, outcome, life))

    def _outcome(self, call: Call) -> Outcome:
        try:
            if call.kind is CallKind.LOOK:
                return self._session.get(call.path).json()
            key = call.idempotency_key
            return self._session.post(call.path, body=call.body, idempotency_key=key).json()
        except PortalUnreachable:
            return None
        except PortalRefused as refused:
            return refused

    def _answered(self, call: Call, outcome: Outcome, life: int) -> None:
        if life != self._life:
            return
        terminal, at = self._terminal, self._now
        if outcome is None:
            effects = terminal.unreachable(call, at=at)
        elif isinstance(outcome, PortalRefused):
            state = str(outcome.problem.get("state", ""))
            effects = terminal.refused(
                call, status=outcome.status, code=outcome.code, state=state, at=at
            )
        else:
            effects = terminal.answered(call, outcome, at=at)
        self._do(effects)

    def _ask_relay(self, call: RelayCall, life: int) -> None:
        act = self._relay.put if call.method == "PUT" else self._relay.clear
        code = ""
        try:
            act(slot=call.slot.name, data=call.body, at=self._now)
        except RelayRefused as refused:
            code = refused.code
        if life != self._life:
            return
        if code:
            self._do(self._terminal.relay_refused(call, code=code, at=self._now))
        else:
            self._do(self._terminal.relay_consented(call, at=self._now))

    def _tell(self) -> None:
        before, self._shown = self._shown, {one.tid: one for one in self._terminal.show_all()}
        for tid, one in self._shown.items():
            if before.get(tid) != one:
                self.latest[tid] = self._seen(one)
                self._note_shown("screen", self.latest[tid])

    def _seen(self, shown: Shown) -> Shown:
        """Return what the screen says; a negative control takes every end for paid."""
        if self._world.unsound is Unsound.TILL_HOPES and shown.display not in OPEN:
            return replace(shown, display=Display.PAID)
        return shown

    def _note_shown(self, op: str, shown: Shown) -> None:
        facts = asdict(shown)
        self._note(op, result=facts.pop("display"), **facts)

    def _note(self, op: str, *, result: str, **facts: Any) -> None:
        self._journal.note(op, result=result, till=self._number, **facts)
