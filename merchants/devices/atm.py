"""An ATM as a pure state machine: one customer at a time, a journal that a power cut cannot break.

It holds notes and tickets, never an account: the number alone says what may be given. What is not
on its disk has not happened, so ``save`` is called before anything leaves or moves.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any, Final, Self

from config.wire import b64
from merchants.devices.atm_facts import (
    NOTE_MIX,
    Call,
    Facts,
    Feed,
    Kind,
    Motion,
    PrintTicket,
    Step,
)
from merchants.devices.atm_redemption import Redemption
from merchants.devices.atm_stock import Cassettes, Tickets
from merchants.devices.identity import Identity
from merchants.devices.sealed_request import seal
from merchants.rules import note_mix

OUT_OF_STOCK: Final = "out_of_stock"
CLOSED_KEPT: Final = 100
_REFERENCE_BYTES: Final = 16

type State = dict[str, Any]


class CannotServe(Exception):
    """Nothing was asked, and the number stays as it is; ``code`` says why.

    ``busy``, ``out_of_service`` (somebody has to count the notes), ``note_mix``, ``out_of_stock``.
    ``nearest``: the next amounts below and above that could be paid.
    """

    def __init__(self, code: str, *, nearest: tuple[int | None, int | None] = (None, None)) -> None:
        self.code, self.nearest = code, nearest
        super().__init__(code)


class Atm:
    """One machine. ``save`` returns once the state is on the disk, or raises OSError."""

    def __init__(
        self,
        *,
        identity: Identity,
        cassettes: Cassettes,
        tickets: Tickets,
        save: Callable[[State], None],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.identity = identity
        self.cassettes = cassettes
        self.tickets = tickets
        self._save = save
        self._random_bytes = random_bytes
        self._redemptions: dict[str, Redemption] = {}
        self._saved: State | None = None

    def begin(
        self,
        *,
        number: str,
        kind: Kind,
        at: float,
        amount_minor: int | None = None,
        pickup_code: str | None = None,
    ) -> str:
        """Take a customer's number, typed or scanned, and return the redemption's reference here.

        ``amount_minor``: as keyed, in the machine's currency.

        :raises CannotServe: nothing is asked
        :raises OSError: the disk did not take it; nothing is asked
        """
        self._refuse(kind=kind, amount_minor=amount_minor)
        body: dict[str, Any] = {"number": number, "kind": kind.value}
        if amount_minor is not None:
            body |= {"amount": amount_minor, "currency": self.cassettes.currency}
        if pickup_code is not None:
            body["pickup_code"] = pickup_code
        reference = b64.encode(self._random_bytes(_REFERENCE_BYTES))
        sealed = seal(
            body=body,
            secret=self.identity.secret,
            reference=reference,
            random_bytes=self._random_bytes,
        )
        facts = Facts(
            reference=reference, kind=kind, opened_at=at, sealed=sealed, asked_minor=amount_minor
        )
        facts.wrote("asked", at=at)
        with ExitStack() as undo:
            undo.callback(self._redemptions.pop, reference)
            self._redemptions[reference] = Redemption(facts=facts)
            self.save()
            undo.pop_all()
        return reference

    def _refuse(self, *, kind: Kind, amount_minor: int | None) -> None:
        if any(one.is_at_slot for one in self._redemptions.values()):
            raise CannotServe("busy")
        if kind is not Kind.CASH:
            if not self.tickets.has(kind=kind):
                raise CannotServe(OUT_OF_STOCK)
            return
        if self.cassettes.doubtful:
            raise CannotServe("out_of_service")
        cassettes = self.cassettes
        if amount_minor is not None and not cassettes.mix(
            amount_minor=amount_minor, currency=cassettes.currency
        ):
            nearest = note_mix.nearest(amount_minor=amount_minor, held=cassettes.held)
            raise CannotServe(NOTE_MIX, nearest=nearest)

    def calls(self, *, at: float) -> list[Call]:
        """Return what is to be asked of the portal by now; what cannot be saved does not leave."""
        due = []
        for one in self._redemptions.values():
            one.tick(at=at)
            if (call := one.next_call(at=at, secret=self.identity.secret)) is not None:
                due.append(call)
        with ExitStack() as undo:
            for call in due:
                undo.callback(self.unreachable, call, at=at)
            self.save()
            undo.pop_all()
        return due

    def due_at(self) -> float | None:
        """Return when :meth:`calls` has something to ask next; None: only an event brings it."""
        times = [one.due_at() for one in self._redemptions.values()]
        return min((time for time in times if time is not None), default=None)

    def answered(self, call: Call, document: Mapping[str, Any], *, at: float) -> None:
        """Take the portal's answer to a call."""
        one = self._redemptions[call.reference]
        try:
            if call.step is Step.ASKING:
                one.locked(document, at=at)
            else:
                one.told(document)
        except (LookupError, TypeError, ValueError):
            one.unreachable(at=at)  # not the portal's words
        self.save()

    def refused(self, call: Call, *, status: int, code: str, at: float) -> None:
        """Take a problem for an answer."""
        self._redemptions[call.reference].refused(status=status, code=code, at=at)
        self.save()

    def unreachable(self, call: Call, *, at: float) -> None:
        """Take it that a call got no answer that decides."""
        self._redemptions[call.reference].unreachable(at=at)

    def set_in_motion(self, reference: str, *, at: float) -> Motion | None:
        """Return what is to be moved for a locked number; None: nothing can be, and that is told.

        By then the journal holds it, and what moves is taken out of the stock.

        :raises OSError: the disk did not take it; nothing may be moved
        """
        one = self._redemptions[reference]
        assert one.facts.step is Step.READY, "only what the portal has locked is moved, and once"
        with ExitStack() as undo:
            motion = (
                self._cash(one, at=at) if one.facts.kind is Kind.CASH else self._ticket(one, at)
            )
            undo.callback(self._stopped, one, at=at)
            self.save()
            undo.pop_all()
        return motion

    def _cash(self, one: Redemption, *, at: float) -> Feed | None:
        facts = one.facts
        notes = self.cassettes.mix(amount_minor=facts.amount_minor, currency=facts.currency)
        if notes is None:
            one.cannot(NOTE_MIX, at=at)
            return None
        self.cassettes.take(notes)
        facts.notes = notes
        one.moving(f"feeding {_line(notes)}", at=at)
        return Feed(reference=facts.reference, notes=notes)

    def _ticket(self, one: Redemption, at: float) -> PrintTicket | None:
        facts = one.facts
        serial = self.tickets.take(
            kind=facts.kind, amount_minor=facts.amount_minor, currency=facts.currency
        )
        if not serial:
            one.cannot(OUT_OF_STOCK, at=at)
            return None
        facts.item_serial = serial
        one.moving(f"printing {serial}", at=at)
        return PrintTicket(reference=facts.reference, serial=serial)

    def _stopped(self, one: Redemption, *, at: float) -> None:
        """Undo a motion that the disk did not take: it has not begun."""
        self.cassettes.put_back(one.facts.notes)
        one.facts.notes = {}
        if one.facts.step is Step.MOVING:
            one.cannot("disk_full", at=at)

    def fed(self, feed: Feed, *, out: Mapping[int, int] | None, at: float) -> None:
        """Take which notes came out, by denomination; None: the sensor does not say."""
        one = self._redemptions[feed.reference]
        if out is None:
            self.cassettes.doubtful = True
            one.moved(None, line="count unknown", at=at)
        else:
            kept = {note: count - out.get(note, 0) for note, count in feed.notes.items()}
            self.cassettes.put_back(kept)
            one.moved(note_mix.value(notes=out), line=f"out {_line(out)}", at=at)
        self.save()

    def printed(self, ticket: PrintTicket, *, out: bool | None, at: float) -> None:
        """Take whether the ticket came out whole; None: the sensor does not say."""
        one = self._redemptions[ticket.reference]
        whole = {True: one.facts.amount_minor, False: 0, None: None}[out]
        words = {True: "ticket out", False: "ticket spoilt", None: "ticket unknown"}[out]
        one.moved(whole, line=words, at=at)
        self.save()

    def load(self, notes: Mapping[int, int]) -> None:
        """Take what somebody counted and filled in: denomination in minor units -> notes."""
        self.cassettes.load(notes)
        self.save()

    def show(self, reference: str) -> Facts:
        """Return what is known of a redemption.

        :raises KeyError: there is none
        """
        return self._redemptions[reference].facts

    def show_all(self) -> Iterable[Facts]:
        """Return all that is open or ended lately, the oldest first."""
        return [one.facts for one in self._redemptions.values()]

    def save(self) -> None:
        """Hand the state to ``save`` unless it has this one already.

        :raises OSError: the disk did not take it
        """
        closed = [name for name, one in self._redemptions.items() if one.is_closed]
        for name in closed[:-CLOSED_KEPT]:
            del self._redemptions[name]
        state = self.to_state()
        if state != self._saved:
            self._save(state)
            self._saved = state

    def to_state(self) -> State:
        """Return journal and stock as JSON-able values; the identity is kept apart, as a secret."""
        return {
            "cassettes": self.cassettes.to_state(),
            "tickets": self.tickets.to_state(),
            "redemptions": [facts.to_state() for facts in self.show_all()],
        }

    @classmethod
    def from_state(
        cls,
        state: State,
        *,
        identity: Identity,
        at: float,
        save: Callable[[State], None],
        random_bytes: Callable[[int], bytes],
    ) -> Self:
        """Return the machine that :meth:`to_state` wrote, after a power cut as the journal says."""
        machine = cls(
            identity=identity,
            cassettes=Cassettes.from_state(state["cassettes"]),
            tickets=Tickets.from_state(state["tickets"]),
            save=save,
            random_bytes=random_bytes,
        )
        for kept in state["redemptions"]:
            one = Redemption(facts=Facts.from_state(kept))
            machine._redemptions[one.facts.reference] = one
            if one.resume(at=at) and one.facts.kind is Kind.CASH:
                machine.cassettes.doubtful = True
        machine.save()
        return machine


def _line(notes: Mapping[int, int]) -> str:
    """Return notes in a journal's words: ``2x50000 1x10000``, minor units, or ``nothing``."""
    counted = [f"{count}x{note}" for note, count in sorted(notes.items(), reverse=True) if count]
    return " ".join(counted) or "nothing"
